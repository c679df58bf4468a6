"""Which part of the training data is held out, to validate with."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class _Unit:
    """Rows that stay together, because one would give away what another asks for."""

    rows: list[int] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)


def hold_out(
    rows: Sequence[Any],
    fraction: float,
    seed: int,
    labels: Callable[[Any], Sequence[str]] = lambda row: (),
    together: Callable[[Any], Hashable] | None = None,
) -> tuple[list[Any], list[Any]]:
    """Split rows into those to train on and those held out, each in the order of the file.

    fraction: of the rows; the rows held out are at most so many. seed: of the draw. labels: of a
    row: each label has its share of the rows held out (stratified sampling), and stays in the
    training rows too, so that the sole row of a label is never held out. A row with several labels
    counts for the rarest. together: rows for which it is equal are not separated.
    """
    count = int(len(rows) * fraction)
    if not count:
        return list(rows), []
    units = _units(rows, labels, together)
    left = Counter(label for unit in units for label in unit.labels)
    strata: dict[str, list[_Unit]] = defaultdict(list)
    for unit in units:
        rarest = min(unit.labels, key=lambda label: (left[label], label), default="")
        strata[rarest].append(unit)
    held: set[int] = set()
    draw = random.Random(seed)
    for label, quota in _quotas(strata, count).items():
        draw.shuffle(strata[label])
        for unit in strata[label]:
            is_last = len(units) == 1 or any(left[label] < 2 for label in unit.labels)
            if len(unit.rows) <= quota and not is_last:
                quota -= len(unit.rows)
                held.update(unit.rows)
                left.subtract(unit.labels)
    kept = [row for at, row in enumerate(rows) if at not in held]
    return kept, [row for at, row in enumerate(rows) if at in held]


def _units(
    rows: Sequence[Any],
    labels: Callable[[Any], Sequence[str]],
    together: Callable[[Any], Hashable] | None,
) -> list[_Unit]:
    units: dict[Hashable, _Unit] = defaultdict(_Unit)
    for at, row in enumerate(rows):
        unit = units[at if together is None else together(row)]
        unit.rows.append(at)
        unit.labels.update(labels(row))
    return list(units.values())


def _quotas(strata: dict[str, list[_Unit]], count: int) -> dict[str, int]:
    """How many of `count` rows each stratum gives, in proportion to its size.

    What is left by rounding down goes to the largest remainders (Hamilton's method).
    """
    sizes = {label: sum(len(unit.rows) for unit in strata[label]) for label in sorted(strata)}
    total = sum(sizes.values())
    quotas = {label: count * size // total for label, size in sizes.items()}
    remainders = sorted(sizes, key=lambda label: -(count * sizes[label] % total))
    for label in remainders[: count - sum(quotas.values())]:
        quotas[label] += 1
    return quotas


def held_out_places(fraction: float, seed: int) -> Iterator[bool]:
    """Whether each document of a file is held out, without an end: of n = 1 / fraction, one.

    Which of the n is drawn, so that a file in which kinds of document alternate is no trap. It
    works for files of any length, of which only a part is in memory.
    """
    draw = random.Random(seed)
    every = round(1 / fraction) if fraction else 0
    while True:
        chosen = draw.randrange(every) if every else -1
        yield from (at == chosen for at in range(every or 1))
