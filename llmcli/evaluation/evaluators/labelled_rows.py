"""Evaluation of tasks whose expected values are in a field of each row."""

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from llmcli.data.rows import Failure, Row
from llmcli.errors import InputError
from llmcli.evaluation.evaluators.base import Evaluator, SavedPairs
from llmcli.evaluation.examples import Example, Prediction
from llmcli.evaluation.fields import Fields, confidence_of, field_names, input_field
from llmcli.evaluation.predictions import ModelRun, Predictions
from llmcli.spec.evaluation import EvaluateOptions


class LabelledRowsEvaluator(Evaluator):
    """Reads expected values, and saved predictions, from a field of each row."""

    label_column: ClassVar[str]
    """The field with the expected value, unless the user names another."""
    prediction_column: ClassVar[str]
    """The field of saved predictions with the value, unless the user names another."""
    written: ClassVar[tuple[str, ...]]
    """All fields that the task's command adds to those of the input."""
    has_confidence: ClassVar[bool] = False
    """The `score` of a saved record is the confidence of its prediction."""

    @abstractmethod
    def parse_expected(self, value: Any, column: str, place: str) -> Any:
        """The expected value in a field of a file, as `scorer` takes it.

        Raises InputError, which begins with `place`, for a value that the task does not know.
        """

    def parse_prediction(self, value: Any, column: str, place: str) -> Any:
        """The predicted value in a field of a saved record. Raises as `parse_expected` does."""
        return self.parse_expected(value, column, place)

    def expected(
        self, fields: Fields, options: EvaluateOptions, place: str, written: tuple[str, ...]
    ) -> Any:
        """The expected value of a row.

        written: the fields of a saved record that its command added. Raises InputError, which
        begins with `place`, where there is no such field or its value is wrong.
        """
        column = options.label_column or self.label_column
        try:
            value = input_field(fields, column, written)
        except KeyError:
            column = f"input_{column}" if column in written else column
            raise InputError(
                f"{place}: no field {column!r} with the expected value; it has "
                f"{field_names(fields)}: name it by `label_column`"
            ) from None
        return self.parse_expected(value, column, place)

    def saved_prediction(self, fields: Fields, options: EvaluateOptions, place: str) -> Prediction:
        """The prediction in a saved record. Raises InputError where it has none."""
        column = options.prediction_column or self.prediction_column
        if column not in fields:
            raise InputError(
                f"{place}: no field {column!r} with a prediction; it has {field_names(fields)}: "
                "name it by `prediction_column`"
            )
        has_confidence = self.has_confidence and options.prediction_column is None
        confidence = confidence_of(fields.get("score")) if has_confidence else None
        return Prediction(self.parse_prediction(fields[column], column, place), confidence)

    def read_saved(
        self, pairs: SavedPairs, options: EvaluateOptions, predictions: Predictions
    ) -> Predictions:
        """Add saved predictions; a row without one fails."""
        for row, record in pairs:
            predictions.total += 1
            error = row.error or (record.error if record is not None else None)
            if error is not None or record is None:
                predictions.fail(row.number, error or "no prediction in the file")
            else:
                predictions.add(row, partial(self._saved_example, row, record, options))
        return predictions

    def _saved_example(self, row: Row, record: Row, options: EvaluateOptions) -> Example:
        prediction = self.saved_prediction(record.fields, options, row.where)
        written: tuple[str, ...] = ()
        if row is record:  # the record has the expected value too
            own = options.prediction_column
            written = self.written if own is None else (own,)
        return self.example(row, prediction, options, written)

    def example(
        self,
        row: Row,
        prediction: Prediction,
        options: EvaluateOptions,
        written: tuple[str, ...] = (),
    ) -> Example:
        """A row with its prediction. written: as for `expected`.

        Raises InputError where the expected value is missing or wrong.
        """
        return Example(
            number=row.number,
            text=row.text,
            expected=self.expected(row.fields, options, row.where, written),
            predicted=prediction.value,
            confidence=prediction.confidence,
            length=len(row.text) + len(row.pair or ""),
            groups=groups_of(row, options, written),
        )

    def collect(
        self,
        run: ModelRun,
        results: Iterable[Any],
        prediction_of: Callable[[Any], Prediction],
    ) -> Predictions:
        """Make examples of a task's results. Of several results of a row, the best counts."""
        predictions = run.start()
        for result in results:
            if getattr(result, "index", 0):
                continue
            predictions.total += 1
            row = result.row
            if isinstance(result, Failure):
                predictions.fail(row.number, result.cause)
            else:
                prediction = prediction_of(result)
                predictions.add(row, partial(self.example, row, prediction, run.options))
        return predictions


def groups_of(row: Row, options: EvaluateOptions, written: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A row's values in the columns of `options.by`. Raises InputError for a missing column."""
    groups = []
    for column in options.by:
        if column == "length":
            continue
        try:
            value = input_field(row.fields, column, written)
        except KeyError:
            raise InputError(
                f"{row.where}: `by`={column}: no such field; it has {field_names(row.fields)}"
            ) from None
        groups.append(value if isinstance(value, str) else json.dumps(value, default=str))
    return tuple(groups)
