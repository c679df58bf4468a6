"""The formats of data files, recognized by the file's name."""

from pathlib import Path

from llmcli.errors import InputError
from llmcli.spec import INPUT_FORMATS, Format, InputFormat

COMPRESSED = {".gz": "gzip", ".xz": "lzma", ".bz2": "bz2"}
"""Suffixes of compressed files, each with the module of the standard library that reads them."""

INPUT_SUFFIXES: dict[str, InputFormat] = {
    **{f".{name}": name for name in INPUT_FORMATS},
    **dict.fromkeys((".md", ".markdown", ".text", ".log"), "txt"),
    **dict.fromkeys((".ndjson", ".jsonlines"), "jsonl"),
    ".tab": "tsv",
    ".psv": "csv",
    ".pq": "parquet",
}
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

SHEET = "a spreadsheet: save it as CSV (UTF-8)"
ARCHIVE = "an archive: unpack it first"
DOCUMENT = "a formatted document: save it as plain text (.txt)"
TABLE = "a table that only other programs read: save it as .parquet or .csv"
REFUSED = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".ods", ".numbers"), SHEET),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar", ".zst"), ARCHIVE),
    **dict.fromkeys((".pdf", ".doc", ".docx", ".odt", ".rtf", ".epub"), DOCUMENT),
    **dict.fromkeys((".html", ".htm", ".xml"), "marked up: save its text as .txt, .csv or .jsonl"),
    **dict.fromkeys((".arrow", ".feather", ".orc", ".avro", ".dta", ".sav", ".rds"), TABLE),
    **dict.fromkeys((".h5", ".hdf5", ".sqlite", ".db"), TABLE),
    **dict.fromkeys((".pkl", ".pickle"), "pickled, which is unsafe to read: save it as .parquet"),
    **dict.fromkeys((".yaml", ".yml"), "YAML: save it as .json"),
    ".npz": "arrays without texts: give the file with the texts",
}
"""Suffixes of files that people have and llmcli does not read: what they are, and the cure."""


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
    if suffix == ".npy":
        raise InputError(f"{path} holds vectors, not texts: llmcli embed --query searches them")
    if suffix in INPUT_SUFFIXES:
        return INPUT_SUFFIXES[suffix]
    if suffix in REFUSED:
        raise InputError(f"{path} cannot be read: by its name it is {REFUSED[suffix]}")
    known = " ".join(f".{name}" for name in INPUT_FORMATS)
    raise InputError(
        f"cannot tell the format of {path} from its name: use one of {known}, or give "
        "`input_format`"
    )


def suffix_of(path: str) -> str:
    """The last suffix of a file's name in lower case, not counting that of a compressed file.

    >>> suffix_of("dev.JSON.xz"), suffix_of("README")
    ('.json', '')
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""
