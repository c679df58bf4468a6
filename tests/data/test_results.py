"""Results as records: what --json prints and `to_dict()` gives."""

import json
from dataclasses import dataclass

from llmcli.data.results import Result, plain
from llmcli.data.rows import Failure, Row
from llmcli.errors import InputError


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a result."""

    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counted(Result):
    """A result of a task that does not exist."""

    text: str
    parts: tuple[Part, ...]


def test_a_record_has_the_rows_other_fields_then_its_number_then_the_results():
    row = Row(7, "Hi", {"id": "a", "body": "Hi", "text": "old", "row": 1}, columns=("body",))
    record = Counted(row, "Hi", (Part((1, 2)),)).to_dict()
    assert list(record.items()) == [
        ("id", "a"),
        ("body", "Hi"),
        ("input_text", "old"),
        ("input_row", 1),
        ("row", 7),
        ("parts", [{"numbers": [1, 2]}]),
    ]
    assert json.loads(json.dumps(record)) == record


def test_a_text_that_the_result_has_is_not_there_twice():
    row = Row(1, "Hi", {"text": "Hi"}, columns=("text",))
    assert Counted(row, "Hi", ()).to_dict() == {"row": 1, "text": "Hi", "parts": []}


def test_notes_are_no_part_of_a_record_and_make_no_result_another():
    bare, noted = (Counted(Row(1, "Hi"), "Hi", (), notes=notes) for notes in ((), ("a",)))
    assert bare == noted
    assert bare.to_dict() == noted.to_dict()
    assert "notes" not in repr(noted)


def test_a_failure_keeps_the_rows_fields_beside_its_error():
    row = Row(3, "", {"text": "", "error": "old"}, columns=("text",))
    assert Failure(row, InputError("the text is empty")).to_dict() == {
        "text": "",
        "input_error": "old",
        "row": 3,
        "error": "the text is empty",
    }


@dataclass(frozen=True)
class Flat:
    """Scalars alone."""

    name: str
    value: float | None


@dataclass(frozen=True)
class Nested:
    """One field that is no scalar."""

    name: str
    parts: tuple[Flat, ...]


def test_lists_of_one_kind_are_as_those_of_several():
    flat, nested = Flat("a", None), Nested("b", (Flat("c", 1.5),))
    as_flat, as_nested = (
        {"name": "a", "value": None},
        {"name": "b", "parts": [{"name": "c", "value": 1.5}]},
    )
    assert plain((flat, flat)) == [as_flat, as_flat]
    assert plain([nested]) == [as_nested]
    assert plain((flat, nested, (flat,), 3, None)) == [as_flat, as_nested, [as_flat], 3, None]
    assert plain(()) == []
