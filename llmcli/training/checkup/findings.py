"""What is said of training data: frozen results, and how lengths and labels are counted."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from llmcli.training.checkup.previews import Sample

BARS = 10
QUANTILES = {"shortest": 0.0, "median": 0.5, "90%": 0.9, "99%": 0.99, "longest": 1.0}


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that cannot be used, or a whole file."""

    file: str
    line: int | None
    """None where a file is not read by lines, and where all of it cannot be used."""
    place: str
    """Where in the file, in words; empty: all of it."""
    reason: str


@dataclass(frozen=True, slots=True)
class FileCount:
    """What a file holds."""

    file: str
    use: str
    """train or validation."""
    rows: int
    unusable: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked for."""

    kind: str
    text: str
    """What the count is of."""
    count: int
    is_problem: bool = False
    """It spoils the training, or what is measured of it; else it is worth a look."""
    places: tuple[str, ...] = ()
    """Where; empty where only the count is known."""


def finding(
    kind: str, text: str, places: Sequence[str], *, count: int | None = None, problem: bool = False
) -> Finding:
    """A finding at these places. count: where that is not their number."""
    number = len(places) if count is None else count
    return Finding(kind, text, number, problem, tuple(places))


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How often a label occurs."""

    label: str
    train: int
    train_share: float
    validation: int
    validation_share: float


@dataclass(frozen=True, slots=True)
class Bar:
    """How many examples have from `low` to `high` tokens."""

    low: int
    high: int
    count: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of the training examples before any is cut."""

    unit: str
    """What has the length: a row, or a document."""
    quantiles: dict[str, int]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Checkup:
    """All that was found in the data of one run, or of one part of a joint run."""

    task: str
    model: str
    files: tuple[FileCount, ...]
    problems: tuple[Problem, ...]
    """All rows that cannot be used."""
    findings: tuple[Finding, ...]
    labels: tuple[LabelCount, ...] = ()
    lengths: Lengths | None = None
    numbers: tuple[tuple[str, float], ...] = ()
    """Sums and shares by name."""
    samples: tuple[Sample, ...] = ()

    @property
    def is_sound(self) -> bool:
        """True where there is no problem; warnings do not count."""
        return not self.problems and not any(one.is_problem and one.count for one in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        return {
            **asdict(self),
            "ok": self.is_sound,
            "numbers": dict(self.numbers),
            "samples": [
                [{"text": text, "learnt": learnt} for text, learnt in sample]
                for sample in self.samples
            ],
        }


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was found in the data of a run: one checkup, or in a joint run one for each task."""

    checkups: tuple[Checkup, ...]

    @property
    def is_sound(self) -> bool:
        """True where no checkup found a problem."""
        return all(checkup.is_sound for checkup in self.checkups)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        return {
            "ok": self.is_sound,
            "checks": [checkup.to_dict() for checkup in self.checkups],
        }


def lengths_of(counts: Sequence[int], unit: str) -> Lengths | None:
    """Quantiles, each the length of one that is there, and about ten bars of round width.

    The last bar holds all from the 99th percentile on.

    >>> lengths_of([1, 2, 3, 4, 10], "row").quantiles["median"]
    3
    """
    if not counts:
        return None
    values = np.asarray(counts)
    found = np.quantile(values, list(QUANTILES.values()), method="inverted_cdf")
    quantiles = dict(zip(QUANTILES, map(int, found), strict=True))
    width = _round_width(quantiles["99%"] / BARS)
    last = quantiles["99%"] // width
    counted = Counter(np.minimum(values // width, last).tolist())
    bars = [
        Bar(at * width, (at + 1) * width - 1, counted[at]) for at in range(min(counted), last + 1)
    ]
    bars[-1] = Bar(bars[-1].low, max(bars[-1].high, quantiles["longest"]), bars[-1].count)
    return Lengths(unit, quantiles, tuple(bars))


def _round_width(least: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ...

    >>> _round_width(0.3), _round_width(3), _round_width(11)
    (1, 5, 20)
    """
    power = int(10 ** math.floor(math.log10(max(least, 1))))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def label_counts(
    train: Counter[str], held_out: Counter[str], order: Sequence[str]
) -> list[LabelCount]:
    """Counts and shares of all labels, those that training lacks at the end."""
    own, other = max(1, train.total()), max(1, held_out.total())
    return [
        LabelCount(
            label, train[label], train[label] / own, held_out[label], held_out[label] / other
        )
        for label in order
    ]
