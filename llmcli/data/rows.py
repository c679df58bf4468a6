"""What a task reads: rows of text, and the rows that failed."""

from dataclasses import dataclass, field
from typing import Any

from llmcli.data.records import ERROR, Record
from llmcli.errors import InputError, LlmcliError


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data file, or the reason why it cannot be used."""

    number: int
    """Its line, counted from 1; in CSV and TSV the line on which it ends; in Parquet and in arrays
    of JSON its place among the rows."""
    text: str
    fields: dict[str, Any] = field(default_factory=dict)
    """The whole row, its texts included, in formats that have fields."""
    error: str | None = None
    """Why the row cannot be used; None for a good row."""
    pair: str | None = None
    """The second text, if two columns were asked for."""
    columns: tuple[str, ...] = ()
    """The fields that hold the text and its pair."""
    characters: int = 0
    """Length of the row with all its fields; 0 if nobody counted."""
    fraction_read: float | None = None
    """How much of the file had been read with this row, from 0 to 1; None if unknown."""
    unit: str = "line"
    """What `number` counts: lines or rows."""

    file: str = ""
    """The file that it is from, where several are read; else empty."""

    @property
    def where(self) -> str:
        """The row's place in its file, as error messages name it: `line 7`."""
        return f"{self.unit} {self.number}"

    @property
    def place(self) -> str:
        """The row's place, with its file where that is known: `train.csv, line 7`."""
        return f"{self.file}, {self.where}" if self.file else self.where

    def fields_beside(self, own: Record) -> Record:
        """The row's fields that a record keeps beside its own.

        The texts are left out if the record has them; another field of the same name, or one
        called `error`, becomes `input_...`.
        """
        kept: Record = {}
        for key, value in self.fields.items():
            if key in own and key in self.columns:
                continue
            while key in own or key == ERROR or key in kept:
                key = f"input_{key}"
            kept[key] = value
        return kept


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that gave no result, and why."""

    row: Row
    cause: LlmcliError

    @property
    def error(self) -> str:
        """The reason, in one line."""
        return str(self.cause)

    def to_dict(self) -> Record:
        """The record of a failed row: its other fields, its number and the error."""
        own = {"row": self.row.number, ERROR: self.error}
        return {**self.row.fields_beside(own), **own}


def failed(row: Row) -> Failure:
    """The failure of a row that has an error already."""
    return Failure(row, InputError(row.error or ""))
