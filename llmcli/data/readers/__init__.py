"""Readers of data files, a module for each format.

To add a format, add its name to `InputFormat` in spec/ and a module here with a function `read`
that takes a `Source` and returns its rows.
"""

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from llmcli.data.formats import input_format
from llmcli.data.readers.base import Reader, Source
from llmcli.data.readers.checks import checked
from llmcli.data.rows import Row
from llmcli.data.text_files import open_binary
from llmcli.errors import InputError
from llmcli.spec import InputFormat

SHARED: dict[InputFormat, str] = {"tsv": "csv"}
"""Formats that another format's module reads."""


def read_rows(
    path: str, columns: str | Sequence[str] = "text", form: InputFormat | None = None
) -> Iterator[Row]:
    """Yield the rows of `path` in order, holding one at a time; `-` is stdin.

    columns: the field with the text, or two for a text and its pair; empty: rows come with their
    fields alone. form: the file's format; None: by its name.
    A row that cannot be used (broken JSON, no such column, bytes that are not UTF-8, more than
    MAX_ROW characters) comes with `error` set. Raises InputError at once if the file cannot be
    opened, and later if it turns out to be damaged.
    """
    columns = (columns,) if isinstance(columns, str) else tuple(columns)
    source = Source(path, input_format(path, form), columns)
    rows = _reader(source.format)(source)
    _require_readable(path)
    return checked(rows)


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
