"""Results of tasks, and the records that `to_dict()` gives of them and `--json` prints."""

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from llmcli.data.records import Record
from llmcli.data.rows import Row
from llmcli.spec import Overflow


class Described:
    """A dataclass that is a record as it stands. docs/results.md lists the fields."""

    __slots__ = ()

    def to_dict(self) -> Record:
        """The fields as JSON has them."""
        record: Record = plain(self)
        return record


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a task for one row. Each task adds fields of its own."""

    row: Row
    notes: tuple[str, ...] = field(default=(), repr=False, compare=False, kw_only=True)
    """Choices that were made for the user: a starter was loaded, a text was cut. They are not
    part of the record."""

    def to_dict(self) -> Record:
        """The result as JSON has it; docs/results.md lists the fields."""
        return record_of(self)


def record_of(result: Result, *, without: tuple[str, ...] = ()) -> Record:
    """The other fields of a result's row, the row's number, then the result's own fields.

    A field of the row whose name the result has too becomes `input_...`; the text itself is
    left out, since the result has it. without: fields that are not part of the record.
    """
    left_out = ("row", "notes", *without)
    names = [each.name for each in fields(result) if each.name not in left_out]
    own = {"row": result.row.number, **{name: plain(getattr(result, name)) for name in names}}
    return {**result.row.fields_beside(own), **own}


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses as objects, tuples as lists.

    >>> plain(((1, 2), None))
    [[1, 2], None]
    """
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return value


OVERFLOW_WORDS: dict[Overflow, str] = {
    "error": "refused",
    "truncate": "cut to fit",
    "window": "read in windows",
    "split": "split between sentences",
}
"""What was done with texts that were too long for the model."""


def overflow_note(overflow: Overflow) -> str:
    """The note of a result whose text was too long.

    >>> overflow_note("truncate")
    'the text was too long for the model: cut to fit (`on_overflow`=truncate)'
    """
    return (
        f"the text was too long for the model: {OVERFLOW_WORDS[overflow]} "
        f"(`on_overflow`={overflow})"
    )
