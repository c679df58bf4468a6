"""Evaluation of token classification: precision, recall and F1 of entities, accuracy of tags."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from llmcli.arrays import Integers
from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.evaluation.evaluation_set import EvaluationSet
from llmcli.evaluation.evaluators.labelled_rows import LabelledRowsEvaluator
from llmcli.evaluation.examples import Example, Prediction
from llmcli.evaluation.fields import Fields
from llmcli.evaluation.metrics.classification import precision_recall_f1, ratio
from llmcli.evaluation.metrics.entities import (
    entity_counts,
    entity_types,
    scheme_of_sentences,
    type_scores,
)
from llmcli.evaluation.predictions import ModelRun, Predictions
from llmcli.evaluation.report import Details
from llmcli.evaluation.scorer import Share
from llmcli.evaluation.tagged_rows import TAGS, WORDS, column_of, tags_of, with_words, words_of
from llmcli.models.starters import TAG
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.spec.tasks import TagOptions

if TYPE_CHECKING:
    from llmcli.engines.choose import Purpose
    from llmcli.inference.tagging import Tagged


class TokenClassificationEvaluator(LabelledRowsEvaluator):
    """Compares the tags of each sentence with the expected ones."""

    task = "token-classification"
    columns = ()  # words may be lists, under several names
    label_column = "tags"
    prediction_column = "predicted_tags"
    written = ("entities", "predicted_tags", "overflow")
    default_model = TAG

    def open(self, path: str, options: EvaluateOptions, limit: int | None) -> EvaluationSet:
        """Open a file with words and tags, or with tags alone for saved predictions."""
        named = options.columns[0] if options.columns else None
        rows = (with_words(row, named) for row in read_rows(path, ()))
        return EvaluationSet(islice(rows, limit), path)

    def purpose(self, options: EvaluateOptions) -> "Purpose":
        """A token classifier."""
        from llmcli.engines.choose import Purpose

        return Purpose(("tagger",))

    def predict(self, run: ModelRun) -> Predictions:
        """Tag the words of all rows; a long text is read in windows."""
        from llmcli.inference.tagging import TokenTagger

        named = run.options.columns[0] if run.options.columns else None
        unread = 0

        def prediction(result: "Tagged") -> Prediction:
            nonlocal unread
            unread += len(result.notes)
            return Prediction(result.predicted_tags)

        work = TokenTagger(run.loaded, TagOptions(words=True), "window")
        rows = (_require_words(row, named) for row in run.data.rows)
        predictions = self.collect(run, run.results(work, rows, "window"), prediction)
        if unread:
            predictions.notes.append(
                f"{unread:,} words have no token that the model reads, and count as O"
            )
        return predictions

    def expected(
        self, fields: Fields, options: EvaluateOptions, place: str, written: tuple[str, ...]
    ) -> Any:
        """The tags of a row, in the field that was named or in the first usual one."""
        try:
            column = column_of(fields, options.label_column, TAGS)
        except InputError as error:
            raise InputError(f"{place}: {error}: name it by `label_column`") from None
        return super().expected(fields, replace(options, label_column=column), place, written)

    def parse_expected(self, value: Any, column: str, place: str) -> tuple[str, ...]:
        """The tags of a sentence: a list, or a text with spaces between them."""
        return tags_of(value, column, place)

    def example(
        self,
        row: Row,
        prediction: Prediction,
        options: EvaluateOptions,
        written: tuple[str, ...] = (),
    ) -> Example:
        """A row with its prediction. Raises InputError for more or fewer tags than expected."""
        example = super().example(row, prediction, options, written)
        if len(example.expected) != len(example.predicted):
            raise InputError(
                f"{row.where}: {len(example.predicted)} tags were predicted for "
                f"{len(example.expected)}"
            )
        return example

    def scorer(
        self, examples: Sequence[Example], options: EvaluateOptions, labels: Sequence[str]
    ) -> "EntityScorer":
        """Precision, recall and F1 of entities, and the accuracy of tags."""
        return EntityScorer(examples)

    def as_text(self, value: Any) -> str:
        """The tags with spaces between them."""
        return " ".join(value)


def _require_words(row: Row, named: str | None) -> Row:
    """A row, with an error where it has no words."""
    if row.error is None and not row.columns:
        try:
            words_of(row.fields, column_of(row.fields, named, WORDS))
        except InputError as error:
            return replace(row, error=str(error))
    return row


class EntityScorer:
    """Precision, recall and F1 of whole entities, and the accuracy of single tags."""

    names: tuple[str, ...] = ("precision", "recall", "f1", "tag_accuracy")
    is_right = True
    shares: Mapping[str, Share] = {}
    no_interval: tuple[str, ...] = ()

    def __init__(self, examples: Sequence[Example]) -> None:
        """Raises InputError for tags of several schemes, and where a sentence has more or fewer
        predicted tags than expected."""
        for example in examples:
            if len(example.expected) != len(example.predicted):
                raise InputError(
                    f"line {example.number}: {len(example.predicted)} tags were predicted for "
                    f"{len(example.expected)}"
                )
        pairs = [(example.expected, example.predicted) for example in examples]
        sentences = [tags for pair in pairs for tags in pair]
        scheme = scheme_of_sentences(sentences)
        self._types = entity_types(sentences, scheme)
        counts = [entity_counts(*pair, self._types, scheme) for pair in pairs]
        self._counts = np.array(counts)  # (N, K, 3)
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
