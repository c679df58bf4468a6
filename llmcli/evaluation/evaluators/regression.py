"""Evaluation of numbers that a model computes for texts: correlations and the squared error."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from llmcli.arrays import Integers
from llmcli.errors import ModelUnsuitable
from llmcli.evaluation.evaluators.labelled_rows import LabelledRowsEvaluator
from llmcli.evaluation.examples import Example, Prediction
from llmcli.evaluation.fields import Fields, input_field, number_of
from llmcli.evaluation.metrics.correlation import MEASURES, regression_scores
from llmcli.evaluation.predictions import ModelRun, Predictions
from llmcli.evaluation.report import Details
from llmcli.evaluation.scorer import Share
from llmcli.models.starters import REGRESSION
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.spec.tasks import ClassifyOptions

if TYPE_CHECKING:
    from llmcli.engines.choose import Purpose


class RegressionEvaluator(LabelledRowsEvaluator):
    """Compares the number of each text with the expected one."""

    task = "regression"
    label_column = "label"
    prediction_column = "score"
    written = ("label", "score", "scores")
    default_model = REGRESSION

    def purpose(self, options: EvaluateOptions) -> "Purpose":
        """A model with a head for texts, which computes one number."""
        from llmcli.engines.choose import Purpose

        return Purpose(("classifier",))

    def predict(self, run: ModelRun) -> Predictions:
        """Compute the numbers of all rows; a long text is read in windows."""
        from llmcli.inference.classification import HeadClassifier

        count = run.loaded.config.num_labels
        if count != 1:
            raise ModelUnsuitable(
                f"{run.loaded.checkpoint.model_id} has {count} labels and computes no number: "
                "evaluate it as `task`=classification"
            )
        work = HeadClassifier(run.loaded, ClassifyOptions(), "window")
        return self.collect(
            run,
            run.results(work, run.data.rows, "window"),
            lambda result: Prediction(result.score),
        )

    def expected(
        self, fields: Fields, options: EvaluateOptions, place: str, written: tuple[str, ...]
    ) -> Any:
        """The number of a row, in the field `label` or else `score`, unless another is named."""
        if options.label_column is None:
            try:
                input_field(fields, self.label_column, written)
            except KeyError:
                try:
                    value = input_field(fields, "score", written)
                except KeyError:
                    pass
                else:
                    return self.parse_expected(value, "score", place)
        return super().expected(fields, options, place, written)

    def parse_expected(self, value: Any, column: str, place: str) -> float:
        """A number, or a text that spells one."""
        return number_of(value, column, place)

    def scorer(
        self, examples: Sequence[Example], options: EvaluateOptions, labels: Sequence[str]
    ) -> "NumberScorer":
        """Pearson's and Spearman's correlation, and the mean squared error."""
        return NumberScorer(examples)

    def as_text(self, value: Any) -> str:
        """A number with six digits."""
        return f"{value:.6g}"


class NumberScorer:
    """Correlations of the predicted numbers with the expected ones, and the squared error."""

    names: tuple[str, ...] = MEASURES
    is_right = False
    shares: Mapping[str, Share] = {}
    no_interval: tuple[str, ...] = ()
    details = Details()

    def __init__(self, examples: Sequence[Example]) -> None:
        self._expected = np.array([example.expected for example in examples], dtype=np.float64)
        self._predicted = np.array([example.predicted for example in examples], dtype=np.float64)
        self.quality = -((self._expected - self._predicted) ** 2)

    def scores(self, rows: Integers) -> list[float]:
        """Both correlations and the mean squared error over some rows."""
        return list(regression_scores(self._expected[rows], self._predicted[rows]))


EVALUATOR = RegressionEvaluator()
