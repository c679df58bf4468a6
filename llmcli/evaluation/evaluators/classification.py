"""Evaluation of text classification: accuracy, macro F1, calibration, confusion matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from llmcli.arrays import Doubles, Integers
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.evaluation.evaluators.base import SavedPairs
from llmcli.evaluation.evaluators.labelled_rows import LabelledRowsEvaluator
from llmcli.evaluation.examples import Example, Prediction
from llmcli.evaluation.fields import listed_labels, shown
from llmcli.evaluation.label_lists import list_in
from llmcli.evaluation.label_names import Labels
from llmcli.evaluation.labels import label_text
from llmcli.evaluation.metrics.calibration import BINS, calibration_bins
from llmcli.evaluation.metrics.classification import class_scores, macro_f1
from llmcli.evaluation.predictions import ModelRun, Predictions
from llmcli.evaluation.report import Details
from llmcli.evaluation.scorer import Share
from llmcli.models.starters import CLASSIFY
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.spec.tasks import ClassifyOptions

if TYPE_CHECKING:
    from llmcli.engines.choose import Purpose


class ClassificationEvaluator(LabelledRowsEvaluator):
    """Compares the label of each text with the expected one."""

    task = "classification"
    label_column = "label"
    prediction_column = "label"
    written = ("label", "score", "scores")
    has_confidence = True
    default_model = CLASSIFY

    def purpose(self, options: EvaluateOptions) -> "Purpose":
        """A text classifier."""
        from llmcli.engines.choose import Purpose

        return Purpose(("classifier",))

    def predict(self, run: ModelRun) -> Predictions:
        """Classify all rows; a long text is read in windows."""
        from llmcli.inference.classification import HeadClassifier, label_names

        if run.loaded.config.num_labels == 1:
            raise ModelUnsuitable(
                f"{run.loaded.checkpoint.model_id} computes a number, not labels: evaluate it as "
                "`task`=regression"
            )
        work = HeadClassifier(run.loaded, ClassifyOptions(), "window")
        predictions = self.collect(
            run,
            run.results(work, run.data.rows, "window"),
            lambda result: Prediction(result.label, result.score),
        )
        labels = Labels(tuple(label_names(run.loaded)), is_ordered=True)
        return _with_labels(predictions, labels, run.options)

    def read_saved(
        self, pairs: SavedPairs, options: EvaluateOptions, predictions: Predictions
    ) -> Predictions:
        """Add saved predictions, with the labels that they use or list."""
        listed: set[str] = set()

        def watched() -> SavedPairs:
            for row, record in pairs:
                if record is not None:
                    listed.update(listed_labels(record.fields.get("scores")))
                yield row, record

        super().read_saved(watched(), options, predictions)
        used = {example.predicted for example in predictions.examples}
        names = tuple(sorted(listed | used))
        labels = Labels(names, is_ordered=False, are_all=bool(listed))
        return _with_labels(predictions, labels, options)

    def parse_expected(self, value: Any, column: str, place: str) -> str:
        """A label: a text, a number or a boolean."""
        spelt = list_in(value) if isinstance(value, str) else value
        if isinstance(spelt, (list, tuple)):
            raise InputError(
                f"{place}: {column!r} is a list of labels, {shown(value)}; one label a text is "
                "evaluated: several are measured by finetune on its validation rows"
            )
        return label_text(value, place)

    def scorer(
        self, examples: Sequence[Example], options: EvaluateOptions, labels: Sequence[str]
    ) -> "ClassificationScorer":
        """Accuracy, macro F1 and the calibration error."""
        return ClassificationScorer(examples, labels)


def _with_labels(predictions: Predictions, labels: Labels, options: EvaluateOptions) -> Predictions:
    """Replace expected labels by the model's names for them; a row with another label fails."""
    expected_labels = list(dict.fromkeys(example.expected for example in predictions.examples))
    renamed = [(label_text(old, "`label_map`"), new) for old, new in options.label_map]
    matched = labels.match(expected_labels, renamed)
    predictions.notes += [matched.note] if matched.note else []
    examples = []
    for example in predictions.examples:
        try:
            expected = matched.find(example.expected)
        except InputError as error:
            predictions.fail(example.number, str(error))
        else:
            examples.append(replace(example, expected=expected))
    predictions.examples = examples
    names = {name for example in examples for name in (example.expected, example.predicted)}
    predictions.labels = tuple(sorted(names))
    return predictions


class ClassificationScorer:
    """Accuracy, macro F1 and, if every row has a confidence, the calibration error."""

    is_right = True
    # The error of a sample is greater than that of all texts: intervals around it miss that.
    no_interval: tuple[str, ...] = ("calibration_error",)

    def __init__(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        self._labels = tuple(labels)
        at = {label: number for number, label in enumerate(labels)}
        self._expected = np.array([at[example.expected] for example in examples])
        self._predicted = np.array([at[example.predicted] for example in examples])
        is_right = self._expected == self._predicted
        self.quality = is_right.astype(np.float64)
        self.shares: Mapping[str, Share] = {"accuracy": Share(is_right)}
        self._confidence = _probabilities(examples)
        self.names: tuple[str, ...] = ("accuracy", "macro_f1")
        if self._confidence is not None:
            self.names += ("calibration_error",)
            self._bins = calibration_bins(self._confidence)

    def scores(self, rows: Integers) -> list[float]:
        """Accuracy, macro F1 and the calibration error of some rows."""
        right = self.quality[rows]
        scores = [float(right.mean()), macro_f1(self._confusion(rows))]
        if self._confidence is not None:
            gaps = right - self._confidence[rows]
            bins = np.bincount(self._bins[rows], weights=gaps, minlength=BINS)
            scores.append(float(np.abs(bins).sum() / len(rows)))
        return scores

    def _confusion(self, rows: Integers) -> Integers:
        """(L, L): a row for each expected label, a column for each predicted one."""
        count = len(self._labels)
        cells = self._expected[rows] * count + self._predicted[rows]
        return np.bincount(cells, minlength=count * count).reshape(count, count)

    @property
    def details(self) -> Details:
        """The confusion matrix, and precision, recall and F1 of each label."""
        matrix = self._confusion(np.arange(len(self.quality)))
        return Details(
            classes=tuple(class_scores(matrix, self._labels)),
            labels=self._labels,
            confusion=tuple(tuple(row) for row in matrix.tolist()),
        )


def _probabilities(examples: Sequence[Example]) -> Doubles | None:
    """The confidences (N,); None unless all rows have one that is a probability.

    What a regression computes is no probability, and cannot be calibrated.
    """
    confidences = [example.confidence for example in examples if example.confidence is not None]
    if len(confidences) < len(examples) or not all(0 <= value <= 1.000001 for value in confidences):
        return None
    return np.array(confidences, dtype=np.float64)


EVALUATOR = ClassificationEvaluator()
