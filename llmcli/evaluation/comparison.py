"""The comparison of two models: differences of metrics, McNemar's test, changed rows."""

from dataclasses import asdict, dataclass

from llmcli.data.records import Record
from llmcli.evaluation.predictions import RowFailure
from llmcli.spec.evaluation import EvaluationTask


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric of both models, and the second minus the first."""

    name: str
    a: float
    b: float
    difference: float
    low: float | None = None
    """Of the 95 percent confidence interval; each sample draws the same rows for both models."""
    high: float | None = None


@dataclass(frozen=True, slots=True)
class McnemarTest:
    """On how many rows only one of the two models is right."""

    only_a: int
    only_b: int
    p: float
    """The probability of a split at least as uneven if both were equally good."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row for which the two models predict different values."""

    row: int
    text: str
    expected: str
    a: str
    b: str
    change: str
    """`right`: only b is right; `wrong`: only a is; `better`, `worse`: by quality; `other`."""
    gain: float
    """The quality of b minus that of a, in the task's own measure of a row."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same rows."""

    task: EvaluationTask
    a: str
    b: str
    """The models, or the files with their predictions."""
    input: str
    """The file with the expected values."""
    rows: int
    """Rows, lines or queries that both have a prediction for."""
    unit: str
    differences: tuple[Difference, ...]
    bootstrap: int
    seed: int
    mcnemar: McnemarTest | None
    """None for a task whose rows are neither right nor wrong."""
    became_right: int
    became_wrong: int
    better: int
    worse: int
    changed: tuple[Change, ...]
    """As many as were asked for, the greatest gains and losses first."""
    failures_a: tuple[RowFailure, ...] = ()
    """Rows that could not be evaluated for the first model."""
    failures_b: tuple[RowFailure, ...] = ()
    rows_read: int = 0
    """Rows of the input, those that failed included."""
    notes: tuple[str, ...] = ()
    """Failures and choices that the user should know of. Not in the record."""

    def to_dict(self) -> Record:
        """The record that `llmcli compare --json` prints."""
        return {
            "task": self.task,
            "a": self.a,
            "b": self.b,
            "input": self.input,
            "rows": self.rows,
            "unit": self.unit,
            "metrics": {metric.name: _without_name(metric) for metric in self.differences},
            "bootstrap": self.bootstrap,
            "seed": self.seed,
            "mcnemar": asdict(self.mcnemar) if self.mcnemar is not None else None,
            "became_right": self.became_right,
            "became_wrong": self.became_wrong,
            "better": self.better,
            "worse": self.worse,
            "changed": [asdict(change) for change in self.changed],
        }


def _without_name(difference: Difference) -> Record:
    return {key: value for key, value in asdict(difference).items() if key != "name"}
