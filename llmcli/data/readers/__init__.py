"""Readers of data files, a module for each format.

To add a format, add its name to `InputFormat` in spec/ and a module here with a function `read`
that takes a `Source` and returns its rows.
"""

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from llmcli.data.encodings import known_encoding
from llmcli.data.formats import input_format
from llmcli.data.readers.base import AS_WRITTEN, Reader, Source
from llmcli.data.rows import Row
from llmcli.data.text_files import open_binary
from llmcli.errors import InputError, UsageError
from llmcli.spec import FileOptions, InputFormat

SHARED: dict[InputFormat, str] = {"tsv": "csv", "json": "jsonl"}
"""Formats that another format's module reads."""


def read_rows(
    path: str, columns: str | Sequence[str] = "text", files: FileOptions = AS_WRITTEN
) -> Iterator[Row]:
    """Yield the rows of `path` in order, holding one at a time; `-` is stdin.

    columns: the field with the text, or two for a text and its pair; empty: rows come with their
    fields alone. files: how the file is written; by default its name and its content say so.
    A row that cannot be used (broken JSON, no such column, bytes that are not UTF-8, more than
    MAX_ROW characters) comes with `error` set. Raises InputError at once if the file cannot be
    opened, and later if it turns out to be damaged; UsageError for an option that goes with
    another format.
    """
    columns = (columns,) if isinstance(columns, str) else tuple(columns)
    source = Source(path, input_format(path, files.input_format), columns, files)
    require_fitting(source.format, files)
    _require_readable(path)
    return _reader(source.format)(source)


def require_fitting(form: InputFormat, files: FileOptions) -> None:
    """Raise UsageError for an option that has no effect on files of a format."""
    for name in ("delimiter", "quoting"):
        if getattr(files, name) is not None and form not in ("csv", "tsv"):
            raise UsageError(f"`{name}` is for .csv and .tsv, not for .{form}")
    if files.encoding is not None:
        if form == "parquet":
            raise UsageError("`encoding` is for text files, not for .parquet")
        known_encoding(files.encoding)


def _reader(form: InputFormat) -> Reader:
    module = importlib.import_module(f"{__name__}.{SHARED.get(form, form)}")
    read: Reader = module.read
    return read


def _require_readable(path: str) -> None:
    if path == "-":
        return
    if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
        raise InputError(f"{path} is not a regular file: pipe it in, with `input`=-")
    open_binary(path).close()
