"""What a step of the tour is made of: texts by key, tables, bars, matrices, formulas.

Blocks name texts of words/learn.json and the values in them, and never a language, so that
terminal and page show the same in each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Text:
    """A text of words/learn.json."""

    key: str
    values: dict[str, str] = field(default_factory=dict)
    """Of its places, beside those of the step; the same in every language."""
    kind: str = "text"
    """text; warning: what the reader has to know; quote: a sentence; item: of a list."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula of formulas.py, by its name."""

    name: str
    kind: str = "formula"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells in rows below their titles."""

    columns: tuple[Text, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    """How many columns, from the first, hold texts; the others hold numbers."""
    kind: str = "table"


@dataclass(frozen=True, slots=True)
class Bars:
    """Labels with numbers from 0 to 1, as bars."""

    title: Text
    rows: tuple[tuple[str, float], ...]
    kind: str = "bars"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Weights from 0 to 1: each row's label, then a number for each column."""

    title: Text
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: tuple[tuple[float | None, ...], ...]
    """None where a weight is masked out."""
    kind: str = "matrix"


Block = Text | Formula | Table | Bars | Matrix


@dataclass(frozen=True, slots=True)
class Question:
    """What the reader is asked before the answer is shown."""

    text: Text
    answer: Text
    """The answer in one sentence, the first of what follows."""
    accepted: tuple[Text | str, ...] = ()
    """Guesses that are right: words of the tour, or tokens as they are. Empty: none is judged."""


def shown(value: float, digits: int = 2) -> str:
    """A number as the tour shows it; a small one in scientific notation.

    >>> shown(0.1234), shown(-1.5, 1), shown(0.00012)
    ('0.12', '-1.5', '1.2e-04')
    """
    if value and abs(value) < 0.5 * 10**-digits:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def percent(share: float) -> str:
    """A share in percent, never 0% or 100% where it is not.

    >>> percent(0.1234), percent(0.00001), percent(0.99999)
    ('12.3%', '<0.1%', '>99.9%')
    """
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{100 * share:.1f}%"


def titles(*keys: str) -> tuple[Text, ...]:
    """The titles of a table's columns."""
    return tuple(Text(key) for key in keys)


def quoted(token: str) -> str:
    """A token in quotation marks, to make its spaces visible; bytes as they are.

    >>> quoted(" the"), quoted("<E6>")
    ("' the'", '<E6>')
    """
    return token if token.startswith("<") and token.endswith(">") else f"'{token}'"


def listed(tokens: Sequence[str]) -> str:
    """Tokens beside one another."""
    return " ".join(quoted(token) for token in tokens)


def listed_numbers(values: Sequence[float]) -> str:
    """The first numbers of a vector.

    >>> listed_numbers([0.1234, -1.0])
    '0.123, -1.000, ...'
    """
    return ", ".join([*(shown(value, 3) for value in values), "..."])
