"""Finds duplicate texts in the training data, and validation texts that training data contain."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

Key = bytes
Answers = frozenset[str]


def normalized(text: str) -> str:
    """Normalize a text for comparison: NFKC, case folding, single spaces between words.

    >>> normalized("  The ＣＡＴ\\n sat")
    'the cat sat'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def key_of(texts: Sequence[str]) -> Key:
    """Return a 16-byte hash of normalized texts; duplicates have equal hashes."""
    digest = blake2b(digest_size=16)
    for text in texts:
        digest.update(normalized(text).encode("utf-8", "surrogatepass") + b"\0")
    return digest.digest()


@dataclass(frozen=True, slots=True)
class Repeats:
    """Duplicate rows, given by their indices."""

    pairs: list[tuple[int, int]] = field(default_factory=list)
    """(duplicate, first row with the same text)."""
    conflicts: list[tuple[int, int]] = field(default_factory=list)
    """For each text whose rows share no label: (first row, a row with different labels)."""
    conflicting_rows: int = 0
    """Number of rows with such texts."""


def repeats(keys: Sequence[Key], answers: Sequence[Answers] | None = None) -> Repeats:
    """Find rows that repeat an earlier row.

    answers: the labels or target texts of each row; None if the text itself is the target.

    >>> good, bad = frozenset({"good"}), frozenset({"bad"})
    >>> repeats([b"a", b"b", b"a"], [good, good, bad])
    Repeats(pairs=[(2, 0)], conflicts=[(0, 2)], conflicting_rows=2)
    """
    groups: dict[Key, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    pairs, conflicts, conflicting_rows = [], [], 0
    for group in groups.values():
        first = group[0]
        pairs += [(row, first) for row in group[1:]]
        if answers is None or len(group) == 1:
            continue
        if not frozenset.intersection(*(answers[row] for row in group)):
            different = (row for row in group if answers[row] != answers[first])
            conflicts.append((first, next(different, group[1])))
            conflicting_rows += len(group)
    return Repeats(sorted(pairs), conflicts, conflicting_rows)


def leaks(train: Sequence[Key], held_out: Sequence[Key]) -> list[tuple[int, int]]:
    """Find validation rows that also occur in the training data.

    Returns (validation row, first training row with the same text) pairs.
    """
    first: dict[Key, int] = {}
    for row, key in enumerate(train):
        first.setdefault(key, row)
    return [(row, first[key]) for row, key in enumerate(held_out) if key in first]
