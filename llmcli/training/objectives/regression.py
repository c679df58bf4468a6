"""A number for each text, or pair of texts: a rating, a price, a similarity."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from llmcli.data.rows import Row
from llmcli.errors import InputError, listed
from llmcli.evaluation.fields import number_of
from llmcli.evaluation.metrics.correlation import MEASURES, regression_scores
from llmcli.spec.training import Training
from llmcli.training.base import Defaults, Scorer
from llmcli.training.checkup.findings import Sample
from llmcli.training.checkup.previews import shortened
from llmcli.training.examples import Batch, Examples, Feature, model_inputs, without_labels
from llmcli.training.rows import Answers, RowObjective, RowTask, texts_with_targets

USUAL = ("label", "score")
"""Fields that have the number, unless the user names another; the first that a row has."""


class Regression(RowTask):
    """Texts, each with a number."""

    defaults = Defaults("classifier", ("text",), eval_fraction=0.05)
    lora_type = "SEQ_CLS"
    pipeline_tag = "text-classification"
    conflict_text = "training rows have the text of another, but not its number"

    def __init__(self, options: Training) -> None:
        super().__init__(options)
        self._columns = (options.label_column,) if options.label_column else USUAL

    def number(self, row: Row) -> float:
        """The number of a row. Raises InputError where there is none."""
        for column in self._columns:
            if column in row.fields:
                return number_of(row.fields[column], column)
        raise InputError(
            f"no field {listed(self._columns)} with a number; it has {listed(row.fields)}: name "
            "it by `label_column`"
        )

    def answers(self, row: Row) -> Answers:
        return frozenset({f"{self.number(row):g}"})

    def config_changes(self, labels: Sequence[str]) -> dict[str, Any]:
        name = self._columns[-1]
        return {
            "id2label": {0: name},
            "label2id": {name: 0},
            "num_labels": 1,
            "problem_type": "regression",
        }

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "RegressionObjective":
        return RegressionObjective(self, model, tokenizer)


task = Regression


class RegressionObjective(RowObjective):
    """The squared error."""

    def __init__(self, task: Regression, model: Any, tokenizer: Any) -> None:
        super().__init__(task, model, tokenizer)
        self._task = task

    def examples(self, rows: Sequence[Row]) -> Examples:
        return texts_with_targets(self, rows, lambda row: {"number": self._task.number(row)})

    def preview(self, feature: Feature, number: int = 0) -> Sample:
        text = self.tokenizer.decode(feature["input_ids"])
        return shortened([(f"{text} → ", False), (f"{feature['number']:g}", True)])

    def collate(self, features: Sequence[Feature]) -> Batch:
        numbers = torch.tensor([feature["number"] for feature in features])  # (B,)
        return {**model_inputs(features, self.pad), "labels": numbers}

    def weight(self, batch: Batch) -> Tensor:
        return torch.tensor(len(batch["labels"]))

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        predicted = model(**without_labels(batch)).logits[:, 0].float()  # (B,)
        return functional.mse_loss(predicted, batch["labels"], reduction="sum"), predicted

    def scorer(self) -> Scorer:
        return NumberScorer()


class NumberScorer(Scorer):
    """Pearson's and Spearman's correlation, and the mean squared error."""

    def __init__(self) -> None:
        self._expected: list[float] = []
        self._predicted: list[float] = []

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        self._expected += batch["labels"].tolist()
        self._predicted += outputs.tolist()

    def metrics(self) -> dict[str, float]:
        return dict(zip(MEASURES, regression_scores(self._expected, self._predicted), strict=True))
