"""Dataclasses that outputs of models may hold when they are stored; numpy is not imported here."""

from typing import TypeVar

KINDS: dict[str, type] = {}
"""The dataclasses that can be stored, by their names."""
C = TypeVar("C", bound=type)


def storable(kind: C) -> C:
    """Mark a dataclass as one that outputs may hold."""
    KINDS[kind.__name__] = kind
    return kind
