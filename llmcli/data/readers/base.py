"""What all readers share: the source that they are given, and rows made of fields."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.spec import InputFormat


@dataclass(frozen=True, slots=True)
class Source:
    """A data file, and what is read from it."""

    path: str
    """`-` is stdin."""
    format: InputFormat
    columns: tuple[str, ...]
    """The fields with the text and its pair; empty: rows come with their fields alone."""

    def require_columns(self, names: list[str]) -> None:
        """Raise InputError unless each column is once among the names of the file's columns."""
        for column in self.columns:
            if names.count(column) > 1:
                raise InputError(f"{self.path} has several columns {column!r}")
            if column not in names:
                known = _listed(dict.fromkeys(names))
                raise InputError(
                    f"{self.path} has no column {column!r}; it has {known}: choose one with "
                    "`columns`"
                )

    def row(self, number: int, fields: dict[str, Any], fraction_read: float | None) -> Row:
        """A row made of its fields, or one with an error if a column is missing or not text."""
        error = self._problem(fields)
        if error is not None:
            return Row(number, "", fields, error, columns=self.columns, fraction_read=fraction_read)
        return Row(
            number,
            text=fields[self.columns[0]] if self.columns else "",
            fields=fields,
            pair=fields[self.columns[1]] if len(self.columns) > 1 else None,
            columns=self.columns,
            fraction_read=fraction_read,
        )

    def _problem(self, fields: dict[str, Any]) -> str | None:
        for column in self.columns:
            if column not in fields:
                return f"no field {column!r}; it has {_listed(fields)}"
            if not isinstance(fields[column], str):
                return f"field {column!r} is {type(fields[column]).__name__}, not text"
        return None


Reader = Callable[[Source], Iterator[Row]]
"""Reads a file. Raises InputError at once for a source that the format cannot have."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
