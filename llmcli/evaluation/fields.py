"""Values of the fields of a row, as metrics take them."""

import json
import math
from collections.abc import Mapping
from typing import Any

from llmcli.errors import InputError

Fields = Mapping[str, Any]


def input_field(fields: Fields, column: str, written: tuple[str, ...] = ()) -> Any:
    """A field of the input in a record that a command wrote: `input_label` if it wrote `label`.

    written: the fields that the command added. Raises KeyError where the input had no such field.

    >>> input_field({"label": "good", "input_label": "bad"}, "label", ("label",))
    'bad'
    """
    if column in written:
        column = f"input_{column}"
    while f"input_{column}" in fields:
        column = f"input_{column}"
    return fields[column]


def field_names(fields: Fields) -> str:
    """The fields of a row, for a message."""
    return ", ".join(map(repr, fields)) or "none"


def text_of(value: Any, column: str, place: str) -> str:
    """A text. Raises InputError, which begins with `place`, for another value."""
    if not isinstance(value, str):
        raise InputError(f"{place}: {column!r} is not text but {shown(value)}")
    return value


def texts_of(value: Any, column: str, place: str) -> tuple[str, ...]:
    """One or more texts. Raises InputError, which begins with `place`, for another value."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(text, str) for text in value):
        return tuple(value)
    return (text_of(value, column, place),)


def number_of(value: Any, column: str, place: str = "") -> float:
    """A finite number, or a text that spells one.

    Raises InputError, which begins with `place`, for another value.
    """
    number = None if "_" in str(value) else _finite(value)
    if isinstance(value, bool) or number is None:
        prefix = f"{place}: " if place else ""
        raise InputError(f"{prefix}{column!r} is not a number but {shown(value)}")
    return number


def confidence_of(score: Any) -> float | None:
    """The confidence in a saved record; None where it has no finite number."""
    return _finite(str(score))


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def listed_labels(scores: Any) -> tuple[str, ...]:
    """The labels in the `scores` that `llmcli classify` writes; none where there are no such."""
    if isinstance(scores, str):  # a cell of .csv
        try:
            scores = json.loads(scores)
        except (ValueError, RecursionError):
            return ()
    if not isinstance(scores, list):
        return ()
    return tuple(
        str(score["label"]) for score in scores if isinstance(score, dict) and "label" in score
    )


def shown(value: Any) -> str:
    """A value for a message, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
