"""Predictions of a model, or of a file that it wrote, with the rows that failed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from llmcli.arrays import NotFinite
from llmcli.data.rows import Row
from llmcli.errors import InputError, LlmcliError, ModelUnsuitable
from llmcli.evaluation.evaluation_set import EvaluationSet
from llmcli.evaluation.examples import Example
from llmcli.spec import BatchOptions, Overflow
from llmcli.spec.evaluation import EvaluateOptions

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded

T = TypeVar("T")
SHOWN_FAILURES = 3


class Follow(Protocol):
    """Passes results on one by one, to show progress."""

    def __call__(self, results: Iterable[T], total: int | None = None) -> Iterator[T]:
        """total: how many results will come, if known."""


def unfollowed(results: Iterable[T], total: int | None = None) -> Iterator[T]:
    """The `Follow` that shows nothing."""
    return iter(results)


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A row that could not be evaluated, and why."""

    row: int
    error: str


@dataclass(slots=True)
class Predictions:
    """The examples of one model, and what its report says beside the metrics."""

    source: str
    """The model, or the file with its predictions."""
    input: str
    """The file with the expected values."""
    unit: str = "rows"
    """What an example is: rows, lines or queries."""
    examples: list[Example] = field(default_factory=list)
    labels: tuple[str, ...] = ()
    """Of a classification: the labels that are expected or predicted, in order."""
    baseline: list[Example] = field(default_factory=list)
    """The same examples, predicted by a simpler model."""
    settings: dict[str, Any] = field(default_factory=dict)
    """How the predictions were made."""
    failures: list[RowFailure] = field(default_factory=list)
    not_finite: int = 0
    """How many rows failed because what the model computed was not finite."""
    total: int = 0
    """Rows that were read."""
    notes: list[str] = field(default_factory=list)
    """Choices that were made for the user."""

    def fail(self, number: int, error: str | LlmcliError) -> None:
        """Count a row that could not be evaluated."""
        self.not_finite += isinstance(error, NotFinite)
        self.failures.append(RowFailure(number, str(error)))

    def add(self, row: Row, make: Callable[[], Example]) -> None:
        """Add the example that `make` makes of a row; count a failure if it raises InputError."""
        try:
            self.examples.append(make())
        except InputError as error:
            self.fail(row.number, str(error).removeprefix(f"{row.where}: "))

    def failure_notes(self) -> list[str]:
        """The first failures, a line each, and the number of the others."""
        lines = [
            f"row {failure.row}: {failure.error}" for failure in self.failures[:SHOWN_FAILURES]
        ]
        more = len(self.failures) - SHOWN_FAILURES
        return [*lines, f"{more:,} more rows failed"] if more > 0 else lines

    def all_notes(self) -> list[str]:
        """The notes, and those on failures."""
        return [*self.notes, *self.failure_notes()]

    def require_examples(self) -> None:
        """Raise InputError if no row could be evaluated; ModelUnsuitable if no result is finite."""
        if not self.examples:
            reasons = "; ".join(self.failure_notes()) or "there are no rows"
            are_not_finite = 0 < self.not_finite == len(self.failures)
            raise (ModelUnsuitable if are_not_finite else InputError)(
                f"{self.source}: no row could be evaluated: {reasons}"
            )


@dataclass(frozen=True, slots=True)
class ModelRun:
    """A model that is run on an evaluation set."""

    loaded: "Loaded"
    data: EvaluationSet
    options: EvaluateOptions
    batch: BatchOptions
    follow: Follow = unfollowed

    def start(self, unit: str = "rows") -> Predictions:
        """Predictions without examples yet."""
        return Predictions(self.loaded.checkpoint.model_id, self.data.name, unit)

    def results(
        self, work: Any, rows: Iterable[Row], on_overflow: Overflow, total: int | None = None
    ) -> Iterator[Any]:
        """The results of a task's work on rows. total: the number of rows, if known."""
        from llmcli.inference.batches import process

        batch = replace(self.batch, on_overflow=on_overflow)
        return self.follow(process(work, rows, self.loaded.batch(batch)), total)
