"""The results of `check`: what was found in training data."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

Stretch = tuple[str, bool]
"""Some text, and whether it is learnt."""
Sample = tuple[Stretch, ...]
"""An example, decoded."""


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
    """All that was found in the data of one run, or of one task of a joint run."""

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
    samples_caption: str = ""
    """What is marked in them."""

    @property
    def is_sound(self) -> bool:
        """True where there is no problem; warnings do not count."""
        return not self.problems and not any(
            finding.is_problem and finding.count for finding in self.findings
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        values = asdict(self)
        del values["samples_caption"]
        return {
            **values,
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
