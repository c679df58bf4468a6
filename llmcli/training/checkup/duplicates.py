"""Texts that say the same: within the training data, and in training and validation."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

Key = bytes
Answers = frozenset[str]


def normalized(text: str) -> str:
    """A text without what makes no difference: NFKC, case folded, one space between words.

    >>> normalized("  The ＣＡＴ\\n sat")
    'the cat sat'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def key_of(texts: Sequence[str]) -> Key:
    """16 bytes that tell texts apart by what they say."""
    digest = blake2b(digest_size=16)
    for text in texts:
        digest.update(normalized(text).encode("utf-8", "surrogatepass") + b"\0")
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows that say what an earlier row says, by their places in a list."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    """Each with the first that says it."""
    conflicts: list[tuple[int, int]] = field(default_factory=list)
    """Of each text whose rows have no answer in common: the first, and one that differs."""
    conflicting_rows: int = 0
    """All rows of such texts."""


def repeats(keys: Sequence[Key], answers: Sequence[Answers] | None = None) -> Repeats:
    """Find rows that repeat others. answers: what each row teaches; None where that is its text.

    >>> one, other = frozenset({"good"}), frozenset({"bad"})
    >>> repeats([b"a", b"b", b"a"], [one, one, other])
    Repeats(pairs=[(2, 0)], conflicts=[(0, 2)], conflicting_rows=2)
    """
    places: dict[Key, list[int]] = {}
    for at, key in enumerate(keys):
        places.setdefault(key, []).append(at)
    pairs, conflicts, rows = [], [], 0
    for same in places.values():
        pairs += [(at, same[0]) for at in same[1:]]
        if answers is None or len(same) == 1:
            continue
        if not frozenset.intersection(*(answers[at] for at in same)):
            first = answers[same[0]]
            conflicts.append((same[0], next((at for at in same if answers[at] != first), same[1])))
            rows += len(same)
    return Repeats(sorted(pairs), conflicts, rows)


def leaks(train: Sequence[Key], held_out: Sequence[Key]) -> list[tuple[int, int]]:
    """Rows of the validation data that the training data have, each with the first there."""
    first: dict[Key, int] = {}
    for at, key in enumerate(train):
        first.setdefault(key, at)
    return [(at, first[key]) for at, key in enumerate(held_out) if key in first]
