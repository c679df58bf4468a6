"""Evaluation of token classification: precision, recall and F1 of named entities."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from llmcli.arrays import Integers
from llmcli.errors import InputError, UsageError
from llmcli.evaluation.evaluators.labelled_rows import LabelledRowsEvaluator
from llmcli.evaluation.examples import Example
from llmcli.evaluation.fields import tags_of
from llmcli.evaluation.metrics.classification import precision_recall_f1, ratio
from llmcli.evaluation.metrics.entities import entity_counts, entity_types, type_scores
from llmcli.evaluation.predictions import ModelRun, Predictions
from llmcli.evaluation.report import Details
from llmcli.spec.evaluation import EvaluateOptions

if TYPE_CHECKING:
    from llmcli.engines.choose import Purpose


class TokenClassificationEvaluator(LabelledRowsEvaluator):
    """Compares the tags of each sentence, from saved predictions, with the expected ones."""

    task = "token-classification"
    label_column = "tags"
    prediction_column = "predicted_tags"
    written = ("predicted_tags",)

    def purpose(self, options: EvaluateOptions) -> "Purpose":
        """Raises UsageError: llmcli runs no such model."""
        raise _no_model()

    def predict(self, run: ModelRun) -> Predictions:
        """Raises UsageError: llmcli runs no such model."""
        raise _no_model()

    def parse_expected(self, value: Any, column: str, place: str) -> tuple[str, ...]:
        """The tags of a sentence: a list, or a text with spaces between them."""
        return tags_of(value, column, place)

    def scorer(
        self, examples: Sequence[Example], options: EvaluateOptions, labels: Sequence[str]
    ) -> "EntityScorer":
        """Precision, recall and F1 of entities, and the accuracy of tags."""
        return EntityScorer(examples)

    def as_text(self, value: Any) -> str:
        """The tags with spaces between them."""
        return " ".join(value)


def _no_model() -> UsageError:
    return UsageError(
        "no command of llmcli tags tokens: give `predictions`, a file with the model's tags"
    )


class EntityScorer:
    """Precision, recall and F1 of whole entities, and the accuracy of single tags."""

    names: tuple[str, ...] = ("precision", "recall", "f1", "tag_accuracy")
    is_right = True

    def __init__(self, examples: Sequence[Example]) -> None:
        """Raises InputError where a sentence has more or fewer predicted tags than expected."""
        for example in examples:
            if len(example.expected) != len(example.predicted):
                raise InputError(
                    f"line {example.number}: {len(example.predicted)} tags were predicted for "
                    f"{len(example.expected)}"
                )
        pairs = [(example.expected, example.predicted) for example in examples]
        self._types = entity_types(tags for pair in pairs for tags in pair)
        self._counts = np.array([entity_counts(*pair, self._types) for pair in pairs])  # (N, K, 3)
        same = [sum(a == b for a, b in zip(*pair, strict=True)) for pair in pairs]
        self._tags = np.array([(n, len(pair[0])) for n, pair in zip(same, pairs, strict=True)])
        shares = [ratio(n, size) for n, size in self._tags.tolist()]
        self.quality = np.array(shares, dtype=np.float64)

    def scores(self, rows: Integers) -> list[float]:
        """Precision, recall and F1 of all entities, and the accuracy of tags, of some rows."""
        of_entities = precision_recall_f1(*self._counts[rows].sum((0, 1)))
        return [*of_entities, ratio(*self._tags[rows].sum(0))]

    @property
    def details(self) -> Details:
        """Precision, recall and F1 of each type of entity."""
        return Details(classes=tuple(type_scores(self._counts.sum(0), self._types)))


EVALUATOR = TokenClassificationEvaluator()
