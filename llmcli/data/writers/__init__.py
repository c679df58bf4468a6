"""Writers of results, a module for each format.

To add a format, add its name to `Format` in spec/, its suffix to data/formats.py and a module here:
with a class `Writer`, or, for a format that is written as a whole file, a function `write`.
"""

import importlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TextIO

from llmcli.data.formats import FILE_FORMATS
from llmcli.data.records import Record, Render, column_names
from llmcli.data.writers import npy
from llmcli.spec import Format
from llmcli.system import own_files


@dataclass(frozen=True, slots=True)
class Layout:
    """What a format may need to know about the records."""

    as_text: Render
    """The text of a record."""
    columns: tuple[str, ...] = ()
    """All fields of all records; empty: not known before the first record."""


class RecordWriter(Protocol):
    """Writes records to an open file, one by one."""

    def write(self, record: Record) -> None: ...

    def close(self) -> list[str]:
        """Write what comes after the last record; return the fields that were left out."""


def open_writer(form: Format, file: TextIO, layout: Layout) -> RecordWriter:
    """The writer of a format, on an open file."""
    writer: RecordWriter = _module(form).Writer(file, layout)
    return writer


def write_file(
    form: Format,
    path: Path,
    records: Callable[[], Iterator[Record]],
    layout: Layout,
    about: Record | None = None,
    token: str | None = None,
) -> None:
    """Write a whole file, which replaces the one at `path`.

    records: yields all records, and may be called several times. about: how they were made, for a
    format that can keep it. token: of the name under which the file is written first.
    """
    if form == "npy":
        with own_files.replacing(npy.rows_beside(path), token) as beside:
            npy.write_beside(beside, records, about or {})
    with own_files.replacing(path, token) as file:
        if form in FILE_FORMATS:
            _module(form).write(file, records, about or {})
            return
        columns = layout.columns or (tuple(column_names(records())) if form == "csv" else ())
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = open_writer(form, text, replace(layout, columns=columns))
        for record in records():
            writer.write(record)
        writer.close()
        text.detach()


def _module(form: Format) -> Any:
    return importlib.import_module(f"{__name__}.{form}")
