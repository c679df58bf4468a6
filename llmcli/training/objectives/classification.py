"""Labels for whole texts, or pairs of them: one of several, or any number of them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.evaluation.labels import label_text
from llmcli.evaluation.metrics.classification import accuracy, confusion_matrix, macro_f1, ratio
from llmcli.training.objectives.base import (
    Batch,
    Examples,
    Feature,
    Labelled,
    Scorer,
    model_inputs,
    summed_loss,
    without_labels,
)

BETWEEN = ";"  # labels of one text in a file that has no lists
GROUP = 1000  # rows tokenized together


def row_labels(row: Row, column: str, multi: bool) -> tuple[str, ...]:
    """The labels of a row, one unless `multi`. Raises InputError, with the line."""
    place = f"line {row.number}"
    if column not in row.fields:
        names = ", ".join(map(repr, row.fields)) or "none"
        raise InputError(f"{place}: no field {column!r}; it has {names}: name it by --label-column")
    value = row.fields[column]
    if multi:
        if isinstance(value, str):
            value = [one.strip() for one in value.split(BETWEEN) if one.strip()]
        if not isinstance(value, list):
            raise InputError(f"{place}: {column!r} is no list of labels but {value!r}")
        return tuple(dict.fromkeys(label_text(one, place) for one in value))
    if isinstance(value, list):
        raise InputError(f"{place}: {column!r} is a list of labels: give --multi-label")
    return (label_text(value, place),)


def sorted_labels(labels: set[str]) -> list[str]:
    """The order that a model keeps: of numbers, by size; else by letters.

    >>> sorted_labels({"10", "9"}), sorted_labels({"pos", "neg"})
    (['9', '10'], ['neg', 'pos'])
    """
    if all(one.lstrip("-").isdigit() for one in labels):
        return sorted(labels, key=int)
    return sorted(labels)


class Classification(Labelled):
    """The head scores each label from the whole text."""

    metric = "accuracy"

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        limit: int,
        labels: Sequence[str],
        *,
        column: str = "label",
        multi: bool = False,
        smoothing: float = 0.0,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__(model, tokenizer, limit, labels, smoothing, weights)
        self._column, self._multi = column, multi

    def examples(self, rows: Sequence[Row]) -> Examples:
        found = Examples([], len(rows))
        for start in range(0, len(rows), GROUP):
            some = rows[start : start + GROUP]
            features = encoded_texts(self.tokenizer, some, self.limit, found)
            for row, feature in zip(some, features, strict=True):
                known = row_labels(row, self._column, self._multi)
                feature["labels"] = [self.number(one, row) for one in known]
                found.features.append(feature)
        return found

    def collate(self, features: Sequence[Feature]) -> Batch:
        labels: Tensor
        if self._multi:
            labels = torch.zeros(len(features), len(self.labels))  # (B, L)
            for at, one in enumerate(features):
                labels[at, one["labels"]] = 1.0
        else:
            labels = torch.tensor([one["labels"][0] for one in features])  # (B,)
        return {**model_inputs(features, self.pad), "labels": labels}

    def weight(self, batch: Batch) -> Tensor:
        return torch.tensor(len(batch["labels"]))

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        logits = model(**inputs).logits.float()  # (B, L)
        labels = batch["labels"]
        weights = self.weights(logits.device)
        if self._multi:  # each label by itself: the mean over them, summed over the texts
            each = functional.binary_cross_entropy_with_logits(
                logits, labels, weight=weights, reduction="none"
            )
            return each.mean(1).sum(), logits
        return summed_loss(logits, labels, self._smoothing, weights), logits

    def scorer(self) -> Scorer:
        return _Multi() if self._multi else _Single(self.labels)


def encoded_texts(
    tokenizer: Any, rows: Sequence[Row], limit: int, found: Examples
) -> list[Feature]:
    """Tokenize texts or pairs, cut to `limit` tokens from the end of the longer one."""
    texts = [row.text for row in rows]
    pairs = None if rows[0].pair is None else [row.pair for row in rows]
    encoded = tokenizer(texts, pairs, truncation=False, return_attention_mask=False, verbose=False)
    too_long = [len(ids) > limit for ids in encoded["input_ids"]]
    if any(too_long):
        found.cut += sum(too_long)
        encoded = tokenizer(
            texts, pairs, truncation=True, max_length=limit, return_attention_mask=False
        )
    names = [name for name in ("input_ids", "token_type_ids") if name in encoded]
    for row, ids in zip(rows, encoded["input_ids"], strict=True):
        if not ids:
            raise InputError(f"line {row.number}: the text has no token that the model knows")
    return [{name: encoded[name][at] for name in names} for at in range(len(texts))]


class _Single(Scorer):
    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._gold: list[str] = []
        self._said: list[str] = []

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        self._gold += [self._labels[at] for at in batch["labels"].tolist()]
        self._said += [self._labels[at] for at in outputs.argmax(-1).tolist()]

    def metrics(self) -> dict[str, float]:
        matrix = confusion_matrix(self._gold, self._said, self._labels)
        return {"accuracy": accuracy(self._gold, self._said), "macro_f1": macro_f1(matrix)}


class _Multi(Scorer):
    """Labels with a probability of a half or more are said."""

    def __init__(self) -> None:
        self._right, self._said, self._gold = 0, 0, 0
        self._whole, self._rows = 0, 0

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        gold, said = batch["labels"] > 0.5, outputs >= 0  # (B, L)
        self._right += int((gold & said).sum())
        self._said += int(said.sum())
        self._gold += int(gold.sum())
        self._whole += int((gold == said).all(1).sum())
        self._rows += len(gold)

    def metrics(self) -> dict[str, float]:
        f1 = ratio(2 * self._right, self._said + self._gold)
        return {"accuracy": ratio(self._whole, self._rows), "micro_f1": f1}
