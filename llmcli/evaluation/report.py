"""The report of an evaluation: metrics with intervals, classes, slices and mistakes."""

from dataclasses import asdict, dataclass, field
from typing import Any

from llmcli.data.records import Record
from llmcli.evaluation.metrics.classification import ClassScore
from llmcli.evaluation.predictions import RowFailure
from llmcli.spec.evaluation import EvaluationTask


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric with its 95 percent confidence interval."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the rows, measured separately."""

    by: str
    value: str
    rows: int
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A row that was predicted wrong, or worse than others."""

    row: int
    text: str
    expected: str
    said: str
    """What was predicted."""
    confidence: float | None
    quality: float
    """How good the prediction is in the task's own measure of a row; 1 is right."""


@dataclass(frozen=True, slots=True)
class Details:
    """What only some tasks report."""

    classes: tuple[ClassScore, ...] = ()
    """Precision, recall and F1 of each label, or of each type of entity."""
    labels: tuple[str, ...] = ()
    """Those of the confusion matrix."""
    confusion: tuple[tuple[int, ...], ...] = ()
    """(L, L): a row for each expected label, a column for each predicted one."""
    signatures: dict[str, str] = field(default_factory=dict)
    """sacrebleu's description of each score."""


@dataclass(frozen=True, slots=True)
class Report:
    """How good the predictions of a model are."""

    task: EvaluationTask
    source: str
    """The model, or the file with its predictions."""
    input: str
    """The file with the expected values."""
    rows: int
    """How many were evaluated: rows, lines of a document, or queries."""
    unit: str
    """What they are."""
    metrics: tuple[Measure, ...]
    bootstrap: int
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)
    """How the predictions were made."""
    baseline: tuple[Measure, ...] = ()
    """The same metrics of an n-gram model over the same tokens."""
    details: Details = Details()
    slices: tuple[Slice, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    """The wrong rows with the highest confidence; without confidences, the worst rows."""
    failures: tuple[RowFailure, ...] = ()
    """Rows that could not be evaluated."""
    rows_read: int = 0
    """Rows of the input, those that failed included."""
    notes: tuple[str, ...] = ()
    """Failures and choices that the user should know of. Not in the record."""

    def to_dict(self) -> Record:
        """The record that `llmcli evaluate --json` prints; parts without content are left out."""
        details = self.details
        optional: Record = {
            "settings": self.settings,
            "baseline": _by_name(self.baseline),
            "signatures": details.signatures,
            "classes": [asdict(score) for score in details.classes],
            "labels": list(details.labels),
            "confusion": [list(row) for row in details.confusion],
        }
        return {
            "task": self.task,
            "source": self.source,
            "input": self.input,
            "rows": self.rows,
            "unit": self.unit,
            "failed": len(self.failures),
            "metrics": _by_name(self.metrics),
            "bootstrap": self.bootstrap,
            "seed": self.seed,
            **{name: part for name, part in optional.items() if part},
            "slices": [_slice(part) for part in self.slices],
            "mistakes": [asdict(mistake) for mistake in self.mistakes],
        }


def _by_name(measures: tuple[Measure, ...]) -> Record:
    return {
        measure.name: {"value": measure.value, "low": measure.low, "high": measure.high}
        for measure in measures
    }


def _slice(part: Slice) -> Record:
    metrics = {measure.name: measure.value for measure in part.measures}
    return {"by": part.by, "value": part.value, "rows": part.rows, "metrics": metrics}
