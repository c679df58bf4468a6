"""Records as lines, JSON, CSV or a table, and what writes to an open file."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TextIO

from llmcli.errors import InputError
from llmcli.spec import Format

Record = dict[str, Any]


def is_error(record: Record) -> bool:
    """True for the record of a row that failed; no other has a field `error`."""
    return "error" in record


class RecordWriter(Protocol):
    """Writes records in one format."""

    def write(self, record: Record) -> None: ...

    def close(self) -> list[str]:
        """Write what comes after the last record; return the fields that had no place."""


def make_writer(
    form: Format, file: TextIO, as_text: Callable[[Record], str], names: Iterable[str] = ()
) -> RecordWriter:
    """The writer of a format, on an open file. names: the columns of CSV, where known.

    A table, which is for a person, is drawn by the command line.
    """
    if form == "json":
        return JsonArray(file)
    if form == "jsonl":
        return JsonLines(file)
    if form == "csv":
        return Csv(file, names)
    return Lines(file, as_text)


class Lines:
    """A line, or a few, for each record."""

    def __init__(self, file: TextIO, render: Callable[[Record], str]) -> None:
        self._file, self._render = file, render

    def write(self, record: Record) -> None:
        print_to(self._file, text_of(record, self._render) + "\n")

    def close(self) -> list[str]:
        return []


def text_of(record: Record, render: Callable[[Record], str]) -> str:
    """A record as text; a failed row says so in brackets."""
    return f"[row {record['row']}: {record['error']}]" if is_error(record) else render(record)


def to_json(record: Record, indent: int | None = None) -> str:
    """A record as JSON; what JSON cannot hold: a date as text, NaN and infinity as null."""
    try:
        return json.dumps(record, ensure_ascii=False, indent=indent, default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(record), ensure_ascii=False, indent=indent, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class JsonLines:
    """One object a line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, record: Record) -> None:
        print_to(self._file, to_json(record) + "\n")

    def close(self) -> list[str]:
        return []


class JsonArray:
    """All records as one array, whatever their number."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._before = file, "[\n"

    def write(self, record: Record) -> None:
        print_to(self._file, self._before + to_json(record, indent=2))
        self._before = ",\n"

    def close(self) -> list[str]:
        print_to(self._file, "[]\n" if self._before == "[\n" else "\n]\n")
        return []


WAITING = 1000  # failed rows at the beginning, at most, before a header is made of them


class Csv:
    """A header, then a row for each record; lists as JSON.

    Where the columns are not known before, they are those of the first record that is no error.
    """

    def __init__(self, file: TextIO, names: Iterable[str] = ()) -> None:
        self._file = file
        self._waiting: list[Record] = []  # errors that came before the header was known
        self._names = list(names)
        self._left_out: dict[str, None] = {}
        if self._names:
            self._print(self._names)

    def write(self, record: Record) -> None:
        if self._names:
            self._row(record)
            return
        self._waiting.append(record)
        if not is_error(record) or len(self._waiting) == WAITING:
            self._begin()

    def close(self) -> list[str]:
        if self._waiting:
            self._begin()
        return list(self._left_out)

    def _begin(self) -> None:
        self._names = column_names(reversed(self._waiting))
        self._print(self._names)
        for record in self._waiting:
            self._row(record)
        self._waiting = []

    def _row(self, record: Record) -> None:
        self._left_out |= {name: None for name in record if name not in self._names}
        self._print([cell(record.get(name)) for name in self._names])

    def _print(self, cells: list[Any]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        print_to(self._file, line.getvalue())


def column_names(records: Iterable[Record]) -> list[str]:
    """All fields of the records in the order in which they come, `error` last."""
    names = {name: None for record in records for name in record}
    return [*(name for name in names if name != "error"), "error"]


def cell(value: Any) -> Any:
    """A value as it stands in CSV or a table."""
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else value


def print_to(file: TextIO, text: str) -> None:
    """Write now, so that a reader at the other end of a pipe sees it. Raises InputError."""
    try:
        file.write(text)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"cannot write to {file.name}: {error.strerror}") from None
