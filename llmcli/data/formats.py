"""The formats of data files, recognized by the file's name."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmcli.errors import InputError
from llmcli.spec import INPUT_FORMATS, Format, InputFormat

COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}

OUTPUT_SUFFIXES: dict[str, Format] = {
    ".txt": "text",
    ".py": "text",
    ".json": "json",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".npy": "npy",
}
FILE_FORMATS: tuple[Format, ...] = ("parquet", "npy")
"""Formats that are written as a whole file, never to a pipe."""


def input_format(path: str, given: InputFormat | None = None) -> InputFormat:
    """The format of an input file: the one that was given, else the one that its name says.

    `-`, which is stdin, holds a text a line. Raises InputError for a name that says nothing.

    >>> input_format("reviews.csv.xz"), input_format("log", "jsonl"), input_format("-")
    ('csv', 'jsonl', 'txt')
    """
    if given is not None:
        return given
    if path == "-":
        return "txt"
    suffix = suffix_of(path)
    for name in INPUT_FORMATS:
        if suffix == f".{name}":
            return name
    if suffix == ".npy":
        raise InputError(f"{path} holds vectors, not texts: llmcli embed --query searches them")
    known = " ".join(f".{name}" for name in INPUT_FORMATS)
    raise InputError(f"cannot tell the format of {path} from its name: use one of {known}")


def suffix_of(path: str) -> str:
    """The last suffix of a file's name in lower case, not counting that of a compressed file.

    >>> suffix_of("dev.JSON.xz"), suffix_of("README")
    ('.json', '')
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""
