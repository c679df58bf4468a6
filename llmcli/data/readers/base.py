"""What all readers share: the source that they are given, and rows made of fields."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from llmcli.data.rows import Row
from llmcli.errors import InputError, listed
from llmcli.spec import FileOptions, InputFormat

AS_WRITTEN = FileOptions()


@dataclass(frozen=True, slots=True)
class Source:
    """A data file, and what is read from it."""

    path: str
    """`-` is stdin."""
    format: InputFormat
    columns: tuple[str, ...]
    """The fields with the text and its pair; empty: rows come with their fields alone."""
    files: FileOptions = AS_WRITTEN
    unit: str = "line"
    """What the number of a row counts."""

    @property
    def name(self) -> str:
        """The file in messages."""
        return "stdin" if self.path == "-" else self.path

    def require_columns(self, names: list[str]) -> None:
        """Raise InputError unless each column is once among the names of the file's columns."""
        for column in self.columns:
            if names.count(column) > 1:
                raise InputError(f"{self.name} has several columns {column!r}")
            if column not in names:
                known = listed(dict.fromkeys(names))
                raise InputError(
                    f"{self.name} has no column {column!r}; it has {known}: choose one with "
                    "`columns`"
                )

    def row(
        self, number: int, fields: dict[str, Any], fraction_read: float | None, characters: int = 0
    ) -> Row:
        """A row made of its fields, or one with an error if a column is missing or not text.

        A number is read as its shortest decimal, and null as an empty text, as .csv has them.
        """
        columns, texts = self.columns, []
        for column in columns:
            text = fields.get(column)
            if type(text) is not str:
                text, error = _as_text(column, fields)
                if error:
                    return Row(
                        number,
                        "",
                        fields,
                        error,
                        None,
                        columns,
                        characters,
                        fraction_read,
                        self.unit,
                    )
            texts.append(text)
        return Row(
            number,
            texts[0] if texts else "",
            fields,
            None,
            texts[1] if len(texts) > 1 else None,
            columns,
            characters,
            fraction_read,
            self.unit,
        )

    def failed(
        self, number: int, error: str, fraction_read: float | None = None, characters: int = 0
    ) -> Row:
        """A row that cannot be read. Its contents, which cannot be written, are left out."""
        return Row(number, "", {}, error, None, (), characters, fraction_read, self.unit)


def _as_text(column: str, fields: dict[str, Any]) -> tuple[str, str | None]:
    """A field as text, and why it is none."""
    if column not in fields:
        return "", f"no field {column!r}; it has {listed(fields)}{_wrapped(fields)}"
    value = fields[column]
    if value is None or value != value:  # noqa: PLR0124  # NaN is how pandas writes null
        return "", None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value), None
    if isinstance(value, str):
        return str(value), None
    return "", f"field {column!r} is {type(value).__name__}, not text{_by_column(value)}"


def _wrapped(fields: dict[str, Any]) -> str:
    """The cure for an object that holds all rows in one of its fields."""
    for name, value in fields.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return f"; {name!r} is a list of {len(value)} objects: write that list alone to a file"
    return ""


def _by_column(value: Any) -> str:
    """The cure for a table that was written by columns, as pandas does by default."""
    if isinstance(value, dict) and value and all(key.isdigit() for key in value):
        return "; the table is written by columns: use to_json(orient='records', lines=True)"
    return ""


Reader = Callable[[Source], Iterator[Row]]
"""Reads a file. Raises InputError at once for a source that the format cannot have."""
