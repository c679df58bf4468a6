"""Labels for whole texts, or pairs of them: one of several, or any number of them."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.evaluation.labels import label_text
from llmcli.evaluation.metrics.classification import accuracy, confusion_matrix, macro_f1, ratio
from llmcli.training.base import Defaults, Scorer
from llmcli.training.checkup.findings import Sample
from llmcli.training.checkup.previews import shortened
from llmcli.training.examples import (
    Batch,
    Examples,
    Feature,
    model_inputs,
    summed_loss,
    without_labels,
)
from llmcli.training.label_tasks import LabelObjective, LabelTask
from llmcli.training.rows import GROUP, Answers, encoded_texts

BETWEEN = ";"  # separates the labels of a text in a file that has no lists


class Classification(LabelTask):
    """A label for each text; with `multi_label`, any number of them."""

    defaults = Defaults("classifier", ("text",), eval_fraction=0.05)
    lora_type = "SEQ_CLS"
    pipeline_tag = "text-classification"

    def labels(self, row: Row) -> Sequence[str]:
        """The labels of a row, one unless `multi_label`. Raises InputError for malformed ones."""
        column = self.options.label_column or ""
        if column not in row.fields:
            names = ", ".join(map(repr, row.fields)) or "none"
            raise InputError(f"no field {column!r}; it has {names}: name it by `label_column`")
        value = row.fields[column]
        if self.options.multi_label:
            return tuple(dict.fromkeys(_several_labels(value, column)))
        if isinstance(value, list):
            raise InputError(f"{column!r} is a list of labels: give `multi_label`")
        return (label_text(value),)

    def answers(self, row: Row) -> Answers:
        return frozenset({"\0".join(sorted(self.labels(row)))})

    def config_changes(self, labels: Sequence[str]) -> dict[str, Any]:
        if not labels:
            return {}
        number = "multi" if self.options.multi_label else "single"
        return {
            **super().config_changes(labels),
            "problem_type": f"{number}_label_classification",
        }

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "ClassificationObjective":
        return ClassificationObjective(self, model, tokenizer, rows)


task = Classification


def _several_labels(value: Any, column: str) -> Iterator[str]:
    if isinstance(value, str):
        value = [label.strip() for label in value.split(BETWEEN) if label.strip()]
    if not isinstance(value, list):
        raise InputError(f"{column!r} is not a list of labels but {value!r}")
    return map(label_text, value)


class ClassificationObjective(LabelObjective):
    """Cross-entropy over the labels; with `multi_label`, of each label by itself."""

    metric = "accuracy"

    def __init__(
        self, task: Classification, model: Any, tokenizer: Any, rows: Sequence[Any]
    ) -> None:
        super().__init__(task, model, tokenizer, rows)
        self._task, self._is_multi = task, task.options.multi_label

    def examples(self, rows: Sequence[Row]) -> Examples:
        examples = Examples([], len(rows))
        for start in range(0, len(rows), GROUP):
            group = rows[start : start + GROUP]
            features = encoded_texts(self.tokenizer, group, self.limit, examples)
            for row, feature in zip(group, features, strict=True):
                feature["labels"] = [self.number(label, row) for label in self._task.labels(row)]
                examples.features.append(feature)
        return examples

    def preview(self, feature: Feature, number: int = 0) -> Sample:
        labels = ", ".join(self.labels[index] for index in feature["labels"]) or "no label"
        text = self.tokenizer.decode(feature["input_ids"])
        return shortened([(f"{text} → ", False), (labels, True)])

    def collate(self, features: Sequence[Feature]) -> Batch:
        labels: Tensor
        if self._is_multi:
            labels = torch.zeros(len(features), len(self.labels))  # (B, L)
            for at, feature in enumerate(features):
                labels[at, feature["labels"]] = 1.0
        else:
            labels = torch.tensor([feature["labels"][0] for feature in features])  # (B,)
        return {**model_inputs(features, self.pad), "labels": labels}

    def weight(self, batch: Batch) -> Tensor:
        return torch.tensor(len(batch["labels"]))

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        logits = model(**inputs).logits.float()  # (B, L)
        labels = batch["labels"]
        weights = self.weights(logits.device)
        if self._is_multi:  # each label by itself: the mean over them, summed over the texts
            losses = functional.binary_cross_entropy_with_logits(
                logits, labels, weight=weights, reduction="none"
            )  # (B, L)
            return losses.mean(1).sum(), logits
        return summed_loss(logits, labels, self.smoothing, weights), logits

    def scorer(self) -> Scorer:
        return MultiLabelScorer() if self._is_multi else LabelScorer(self.labels)


class LabelScorer(Scorer):
    """Accuracy and macro F1 of the label with the highest score."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._gold: list[str] = []
        self._predicted: list[str] = []

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        self._gold += [self._labels[index] for index in batch["labels"].tolist()]
        self._predicted += [self._labels[index] for index in outputs.argmax(-1).tolist()]

    def metrics(self) -> dict[str, float]:
        matrix = confusion_matrix(self._gold, self._predicted, self._labels)
        return {"accuracy": accuracy(self._gold, self._predicted), "macro_f1": macro_f1(matrix)}


class MultiLabelScorer(Scorer):
    """Exact matches and micro F1; a label is predicted with a probability of a half or more."""

    def __init__(self) -> None:
        self._right, self._predicted, self._gold = 0, 0, 0
        self._exact, self._rows = 0, 0

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        gold, predicted = batch["labels"] > 0.5, outputs >= 0  # (B, L)
        self._right += int((gold & predicted).sum())
        self._predicted += int(predicted.sum())
        self._gold += int(gold.sum())
        self._exact += int((gold == predicted).all(1).sum())
        self._rows += len(gold)

    def metrics(self) -> dict[str, float]:
        f1 = ratio(2 * self._right, self._predicted + self._gold)
        return {"accuracy": ratio(self._exact, self._rows), "micro_f1": f1}
