"""CSV: a header, then a line for each record; lists and objects as JSON."""

import csv
import io
from typing import Any, TextIO

from llmcli.data.records import Record, cell, column_names, is_error, print_to
from llmcli.data.writers import Layout

WAITING = 1000  # failed rows that may come before the first good one, which sets the columns


class Writer:
    """Writes records as lines.

    If the columns are not known before, they are those of the first record that is no error.
    """

    def __init__(self, file: TextIO, layout: Layout) -> None:
        self._file = file
        self._columns = list(layout.columns)
        self._waiting: list[Record] = []  # errors that came before the columns were known
        self._left_out: dict[str, None] = {}
        if self._columns:
            self._print(self._columns)

    def write(self, record: Record) -> None:
        if self._columns:
            self._line(record)
            return
        self._waiting.append(record)
        if not is_error(record) or len(self._waiting) == WAITING:
            self._begin()

    def close(self) -> list[str]:
        if self._waiting:
            self._begin()
        return list(self._left_out)

    def _begin(self) -> None:
        self._columns = column_names(reversed(self._waiting))
        self._print(self._columns)
        for record in self._waiting:
            self._line(record)
        self._waiting = []

    def _line(self, record: Record) -> None:
        self._left_out |= {name: None for name in record if name not in self._columns}
        self._print([cell(record.get(name)) for name in self._columns])

    def _print(self, cells: list[Any]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        print_to(self._file, line.getvalue())
