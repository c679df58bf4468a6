"""What each evaluated task defines: its options, its data, its predictions and its metrics."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.evaluation.evaluation_set import EvaluationSet
from llmcli.evaluation.examples import Example
from llmcli.evaluation.predictions import ModelRun, Predictions
from llmcli.evaluation.scorer import Scorer
from llmcli.models.starters import DefaultModel
from llmcli.spec.evaluation import EvaluateOptions, EvaluationTask

if TYPE_CHECKING:
    from llmcli.engines.choose import Purpose

SavedPairs = Iterable[tuple[Row, Row | None]]
"""Rows with their expected values, each with its saved prediction."""


class Evaluator(ABC):
    """Evaluates one task. A task has a subclass in a file of its own, with an EVALUATOR.

    What runs models is imported by the methods that need it: saved predictions need no model.
    """

    task: ClassVar[EvaluationTask]
    columns: ClassVar[tuple[str, ...]] = ("text",)
    """The fields with the texts, unless the user names others."""
    default_model: ClassVar[DefaultModel]
    """What is loaded unless the user names a model; unset where `purpose` always raises."""

    def complete(self, options: EvaluateOptions) -> EvaluateOptions:
        """The options with the task's defaults filled in. Raises UsageError for wrong ones."""
        return options

    def open(self, path: str, options: EvaluateOptions, limit: int | None) -> EvaluationSet:
        """Open a file with expected values. Raises InputError where it cannot be read."""
        rows = read_rows(path, options.columns or self.columns, options.files)
        return EvaluationSet(islice(rows, limit), path)

    @abstractmethod
    def purpose(self, options: EvaluateOptions) -> "Purpose":
        """What a model is loaded for. Raises UsageError for options that rule a model out."""

    @abstractmethod
    def predict(self, run: ModelRun) -> Predictions:
        """Run a model on all rows."""

    @abstractmethod
    def read_saved(
        self, pairs: SavedPairs, options: EvaluateOptions, predictions: Predictions
    ) -> Predictions:
        """Add saved predictions to `predictions`, which is empty, and return it."""

    @abstractmethod
    def scorer(
        self, examples: Sequence[Example], options: EvaluateOptions, labels: Sequence[str]
    ) -> Scorer:
        """The metrics of examples. labels: of a classification, in the order of the report."""

    def as_text(self, value: Any) -> str:
        """An expected or a predicted value for a person."""
        return str(value)
