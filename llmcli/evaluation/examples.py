"""One row of an evaluation: what is expected of it and what was predicted."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model, or a saved record, predicts of a row."""

    value: Any
    """A label, an answer, a translation or tags."""
    confidence: float | None = None
    labels: tuple[str, ...] = ()
    """All labels that the model knows, if a saved record lists them."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row with its expected and its predicted value."""

    number: int
    """Of the row in its file, from 1."""
    text: str
    expected: Any
    predicted: Any
    confidence: float | None = None
    length: int = 0
    """Of the text and its pair, in characters."""
    groups: tuple[str, ...] = ()
    """The row's values in the columns of `EvaluateOptions.by`, without `length`."""
