"""A label of a file as text: one reading for training, evaluation and saved predictions."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from llmcli.errors import InputError
from llmcli.evaluation.label_lists import list_in

WHOLE = re.compile(r"[+-]?[0-9]+(\.0+)?")
TRUTH = {"true": "True", "false": "False"}


def label_text(value: Any, place: str = "") -> str:
    """A label of a file as text.

    Files without types have the same labels as files with them: 1, 1.0, "1", "1.0" and " 1 " are
    one label, and so are true, "true" and "True". The case of other texts is kept.
    Raises InputError, which begins with `place`, for null, lists, objects and blank texts.

    >>> label_text(1.0, "line 1"), label_text(" good ", "line 2"), label_text(True, "line 3")
    ('1', 'good', 'True')
    """
    value = plain(value)
    text = str(value).strip() if isinstance(value, (str, int, float)) else ""
    if not text or (isinstance(value, float) and not math.isfinite(value)):
        _refuse(value, place)
    if isinstance(value, str) and list_in(text) is not None:
        _refuse(value, place)
    if WHOLE.fullmatch(text) and "." in text:
        text = text.partition(".")[0]
    if text == "-0":
        text = "0"
    return TRUTH.get(text.casefold(), text)


def plain(value: Any) -> Any:
    """A value of numpy or of a decimal column as Python's own; whole numbers as integers."""
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        value = value.tolist()
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _refuse(value: Any, place: str) -> None:
    shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
    prefix = f"{place}: " if place else ""
    raise InputError(f"{prefix}{shown} is not a label: use text, a number, true or false")


def are_whole_numbers(labels: Sequence[str]) -> bool:
    """True if all labels are whole numbers in the digits 0 to 9.

    >>> are_whole_numbers(["-1", "12"]), are_whole_numbers(["①"]), are_whole_numbers(["1 star"])
    (True, False, False)
    """
    return all(WHOLE.fullmatch(label) for label in labels)


def number_in(label: str) -> float | None:
    """The number that a label is; None where it is none."""
    try:
        number = float(label) if label.isascii() and "_" not in label else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
