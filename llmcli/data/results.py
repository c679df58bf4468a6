"""Results of tasks, and the records that `to_dict()` gives of them and `--json` prints."""

from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, get_args, get_type_hints

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
    unknown: float | None = field(default=None, repr=False, kw_only=True)
    """The share of the text that the model's vocabulary does not have, where it is most of it: the
    model cannot read the text. Not in the record where it is None."""

    SOURCE: ClassVar[str] = "text"
    """The field with the row's text; empty if there is none."""

    def to_dict(self) -> Record:
        """The result as JSON has it; docs/results.md lists the fields."""
        return record_of(self)


def with_texts(record: Record, result: Any) -> Record:
    """The record of a result with the texts of its row, which `record_of` does not repeat."""
    if not isinstance(result, Result):
        return record
    texts = {name: text for _, text, name in _texts(result) if hasattr(result, name)}
    return {**texts, **record}


def _texts(result: Result) -> list[tuple[str, str | None, str]]:
    """Each text of a result's row: its column, the text, and the result's field with it."""
    row = result.row
    return list(zip(row.columns, (row.text, row.pair), (result.SOURCE, "pair"), strict=False))


def record_of(result: Result, *, without: tuple[str, ...] = ()) -> Record:
    """The other fields of a result's row, the row's number, then the result's own fields.

    A field of the row whose name the result has too becomes `input_...`. A text comes once: under
    the name of its column if the row keeps it, else as the result calls it. without: fields that
    are not part of the record.
    """
    left_out = ("row", "notes", "unknown", *without)
    names = [each.name for each in fields(result) if each.name not in left_out]
    own = {"row": result.row.number, **{name: plain(getattr(result, name)) for name in names}}
    if result.unknown is not None:
        own["unknown"] = result.unknown
    record = {**result.row.fields_beside(own), **own}
    for column, text, name in _texts(result):
        if name != column and name in own and record[name] == text == record.get(column):
            del record[name]
    return record


RARE = (
    *("seconds", "passes", "logprobs", "trace", "tree", "capped", "source", "snippet"),
    *("predicted_tags", "beside"),
)
"""Fields of results that are in no record, or in those of a certain option."""


def columns_of(kind: type[Result], row: Row) -> tuple[str, ...]:
    """The fields of an ordinary result's record, in order: for an output without any row.

    row: with the fields of the input; their values do not matter.
    """
    left_out = ("row", "notes", "unknown", *RARE, *(("pair",) if len(row.columns) < 2 else ()))
    own = dict.fromkeys(["row", *(each.name for each in fields(kind) if each.name not in left_out)])
    return (*row.fields_beside(own), *own)


def plain(value: Any) -> Any:
    """A value as JSON has it: dataclasses as objects, tuples as lists.

    >>> plain(((1, 2), None))
    [[1, 2], None]
    """
    if value is None or type(value) in SCALARS:  # most values are
        return value
    if isinstance(value, (tuple, list)):
        kinds: set[Any] = {type(item) for item in value}
        if len(kinds) == 1 and (names := _flat_fields(kinds.pop())):
            values = attrgetter(*names)  # a long text has thousands of tokens
            return [dict(zip(names, values(item), strict=True)) for item in value]
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return value


SCALARS = frozenset((str, int, float, bool, type(None)))


@cache
def _flat_fields(kind: type[Any]) -> tuple[str, ...]:
    """The names of the fields of a dataclass all of which are scalars; empty for other types.

    Classes of one field are left out.
    """
    if not is_dataclass(kind):
        return ()
    hints = get_type_hints(kind)
    flat = all(set(get_args(hint) or (hint,)) <= SCALARS for hint in hints.values())
    names = tuple(each.name for each in fields(kind))
    return names if flat and len(names) > 1 else ()


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


def capped_note(count: int = 1) -> str:
    """The note of texts that got fewer new tokens than were asked for.

    >>> capped_note()
    '1 text ended early: fewer than `max_new_tokens` fit after its prompt (`strict` refuses that)'
    """
    texts, whose = ("1 text", "its prompt") if count == 1 else (f"{count:,} texts", "their prompts")
    return (
        f"{texts} ended early: fewer than `max_new_tokens` fit after {whose} "
        "(`strict` refuses that)"
    )


UNREAD = "it cannot read that; name a model for the language by `model`"


def unknown_note(share: float, what: str = "the text") -> str:
    """The note of a text that is mostly unknown to the model.

    >>> unknown_note(0.97)[:66]
    "97% of the text is unknown to the model's vocabulary: it cannot re"
    """
    return f"{share:.0%} of {what} is unknown to the model's vocabulary: {UNREAD}"


def unknown_texts_note(count: int, total: int) -> str:
    """The note of a run over rows, some of whose texts are mostly unknown to the model.

    >>> unknown_texts_note(3, 10)[:66]
    "3 of 10 texts are mostly unknown to the model's vocabulary: it can"
    """
    verb = "is" if count == 1 else "are"
    return f"{count:,} of {total:,} texts {verb} mostly unknown to the model's vocabulary: {UNREAD}"
