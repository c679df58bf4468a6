"""Rows as `check` handles them: with their places, and as the model gets them."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """A row that can be used, and where it is."""

    file: str
    place: str
    row: Any

    @property
    def where(self) -> str:
        """The file and the place in it."""
        return f"{self.file}, {self.place}"

    def place_from(self, other: "Item") -> str:
        """Where it is, for a reader who knows where `other` is: no file where that is the same."""
        return self.place if self.file == other.file else self.where


@dataclass(slots=True)
class Measured:
    """What tokenizing the rows of a task showed."""

    lengths: list[int] = field(default_factory=list)
    """Tokens of each example before any is cut."""
    examples: int = 0
    tokens: int = 0
    learnt: int = 0
    """Tokens that the loss is on, where the objective counts them."""
    unknown: int = 0
    """Tokens that stand for characters and words that the vocabulary lacks."""
    unreadable: list[Item] = field(default_factory=list)
    """Rows with a text that is mostly unknown to the vocabulary."""
    cut: int = 0
    """Rows that are longer than the limit, and lose their end."""
    empty: int = 0
    """Rows that give no example."""
    unread: list[str] = field(default_factory=list)
    """Words that have no token, with their places."""
    suspect: list[Item] = field(default_factory=list)
    """Rows that the objective calls suspect."""
    usable: list[Item] = field(default_factory=list)
