"""Labels for whole texts, or pairs of them: one of several, or any number of them."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from llmcli.data.rows import Row
from llmcli.evaluation.labels import are_whole_numbers, number_in
from llmcli.evaluation.metrics.classification import accuracy, confusion_matrix, macro_f1, ratio
from llmcli.spec.training import Training
from llmcli.training.base import Data, Defaults, Scorer
from llmcli.training.checkup.findings import Finding, Sample, finding
from llmcli.training.checkup.items import Item
from llmcli.training.checkup.previews import shortened
from llmcli.training.examples import (
    Batch,
    Examples,
    Feature,
    model_inputs,
    summed_loss,
    without_labels,
)
from llmcli.training.label_reading import LabelReading, looks_like_lists, same_but_for_case
from llmcli.training.label_tasks import LabelObjective, LabelTask
from llmcli.training.rows import Answers, texts_with_targets


class Classification(LabelTask):
    """A label for each text; with `multi_label`, any number of them."""

    defaults = Defaults("classifier", ("text",), eval_fraction=0.05)
    lora_type = "SEQ_CLS"
    pipeline_tag = "text-classification"

    def __init__(self, options: Training) -> None:
        super().__init__(options)
        self._reading = LabelReading(
            self.options.label_column or "", self.options.multi_label, self.options.labels
        )

    def decide_reading(self, rows: Sequence[Row]) -> None:
        self._reading = self._reading.decided(rows)

    def find_labels(self, rows: Sequence[Row]) -> list[str]:
        return list(self._reading.names) or super().find_labels(rows)

    def labels(self, row: Row) -> Sequence[str]:
        """The labels of a row, one unless `multi_label`. Raises InputError for malformed ones."""
        return self._reading.labels(row)

    def notes(self, data: Data) -> Iterator[str]:
        if self._reading.are_vectors:
            yield (
                "labels: lists of 0 and 1 are read as a place for each class: "
                f"{', '.join(self._reading.names[:12])}; `labels` names the classes"
            )
        if _with_decimals(data.labels):
            yield f"{len(data.labels)} labels are {SCORES}"

    def row_findings(self, train: Sequence[Item], held_out: Sequence[Item]) -> Iterator[Finding]:
        names = sorted({label for item in train for label in self.labels(item.row)})
        scores = names if _with_decimals(names) else []
        yield finding("scores", f"labels are {SCORES}", scores, problem=True)
        lists = [] if self.options.multi_label else looks_like_lists(names)
        text = "labels consist of others with a sign between them: are they lists (`multi_label`)?"
        yield finding("label_lists", text, lists)
        alike = [" = ".join(map(repr, same)) for same in same_but_for_case(names)]
        yield finding("similar_labels", "labels differ in their case or blanks alone", alike)

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
SCORES = "numbers with decimals, each a class of its own: for their values, use `task`=regression"


def _with_decimals(labels: Sequence[str]) -> bool:
    """True for labels that are all numbers, not all of them whole."""
    return bool(labels) and not are_whole_numbers(labels) and None not in map(number_in, labels)


class ClassificationObjective(LabelObjective):
    """Cross-entropy over the labels; with `multi_label`, of each label by itself."""

    metric = "accuracy"

    def __init__(
        self, task: Classification, model: Any, tokenizer: Any, rows: Sequence[Any]
    ) -> None:
        super().__init__(task, model, tokenizer, rows)
        self._task, self._is_multi = task, task.options.multi_label

    def examples(self, rows: Sequence[Row]) -> Examples:
        def target(row: Row) -> Feature:
            return {"labels": [self.number(label, row) for label in self._task.labels(row)]}

        return texts_with_targets(self, rows, target)

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
        return summed_loss(logits, labels, self.smoothing_of(model), weights), logits

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
