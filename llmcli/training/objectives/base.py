"""What a training run of any task is made of: examples, batches of them, a loss, a score."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.errors import InputError

NO_LABEL = -100  # what a loss leaves out
Feature = dict[str, Any]
"""One example: lists of numbers by the names of the model's inputs, and what it is scored by."""
Batch = dict[str, Any]


class Dataset(Protocol):
    """Examples that have a length before they are made."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: int) -> Feature: ...

    def lengths(self) -> Sequence[int]:
        """Tokens of each example."""
        ...


@dataclass(slots=True)
class Examples:
    """The examples of some files."""

    features: list[Feature]
    rows: int
    """How many rows they come from."""
    cut: int = 0
    """Rows that were longer than the model takes, and lost their end."""

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, key: int) -> Feature:
        """The example `key` modulo their number; what goes above that is the epoch."""
        epoch, at = divmod(key, len(self.features))
        return {**self.features[at], "key": (epoch, at)}

    def lengths(self) -> list[int]:
        return [size_of(one) for one in self.features]


def size_of(feature: Feature) -> int:
    """Tokens that a model reads and writes of an example."""
    return len(feature["input_ids"]) + len(feature.get("labels_ids", ()))


class Objective(ABC):
    """How one task learns. It holds the model (not wrapped for several processes)."""

    metric: str = "loss"
    """What tells the best checkpoint, unless the user names another."""

    def __init__(self, model: Any, tokenizer: Any, limit: int) -> None:
        """limit: tokens that one example may have."""
        self.model, self.tokenizer, self.limit = model, tokenizer, limit
        self.pad = int(tokenizer.pad_token_id or 0)

    @abstractmethod
    def collate(self, features: Sequence[Feature]) -> Batch:
        """Make a batch: tensors (B, T), and `labels`, in which NO_LABEL marks what is no item."""

    @abstractmethod
    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        """The loss summed over the items of a batch, in nats, and what the model put out."""

    def weight(self, batch: Batch) -> Tensor:
        """How many items a batch's loss is summed over."""
        count: Tensor = batch["labels"].ne(NO_LABEL).sum()
        return count

    def tokens(self, batch: Batch) -> int:
        """Tokens of a batch that are not padding."""
        return (
            int(batch["attention_mask"].sum())
            if "attention_mask" in batch
            else (batch["input_ids"].numel())
        )

    def scorer(self) -> "Scorer":
        """What takes the model's outputs and gives the task's own metrics."""
        return Scorer()

    def metric_names(self) -> list[str]:
        """What `evaluate` tells, beside one another."""
        return ["loss", *self.scorer().metrics()]

    @torch.inference_mode()
    def evaluate(self, model: Any, data: Dataset, batch_size: int) -> dict[str, float]:
        """Mean loss an item, and the task's metrics, over all examples, sorted by length."""
        model.eval()
        lengths = data.lengths()
        order = sorted(range(len(data)), key=lambda at: lengths[at])
        total, count = 0.0, 0
        scorer = self.scorer()
        for start in range(0, len(order), batch_size):
            features = [data[at] for at in order[start : start + batch_size]]
            batch = moved(self.collate(features), self.model.device)
            loss, outputs = self.loss(model, batch)
            total += float(loss)
            count += int(self.weight(batch))
            scorer.add(features, batch, outputs)
        return {"loss": total / count if count else math.nan, **scorer.metrics()}


class RowObjective(Objective):
    """A task whose examples are made of rows, each by itself."""

    @abstractmethod
    def examples(self, rows: Sequence[Any]) -> Examples:
        """Tokenize rows. Raises InputError for the first row that cannot be used."""


class Labelled(RowObjective):
    """A task whose head scores each of some labels."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        limit: int,
        labels: Sequence[str],
        smoothing: float,
        weights: Sequence[float] | None,
    ) -> None:
        """weights: what a mistake costs, for each label; their mean over the rows is 1."""
        super().__init__(model, tokenizer, limit)
        self.labels = list(labels)
        self._at = {label: at for at, label in enumerate(labels)}
        self._smoothing = smoothing
        self._weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)

    def number(self, label: str, row: Row) -> int:
        """Which of the labels one of a row is. Raises InputError, with the line, if it is none."""
        if label not in self._at:
            known = ", ".join(map(repr, self.labels[:12]))
            raise InputError(f"line {row.number}: the label {label!r} is none of {known}")
        return self._at[label]

    def weights(self, device: torch.device) -> Tensor | None:
        """What a mistake costs, for each label; None: the same."""
        return None if self._weights is None else self._weights.to(device)


class Scorer:
    """Collects predictions batch by batch. This one needs none: the loss says all."""

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        """Take what the model put out for a batch."""

    def metrics(self) -> dict[str, float]:
        """The metrics over all that was taken."""
        return {}


def moved(batch: Batch, device: torch.device) -> Batch:
    """A batch on another device."""
    return {
        name: value.to(device) if isinstance(value, Tensor) else value
        for name, value in batch.items()
    }


def without_labels(batch: Batch) -> Batch:
    """What of a batch goes into a model: the loss is ours."""
    return {name: value for name, value in batch.items() if name != "labels"}


def padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """(B, T) of rows filled up on the right."""
    out = torch.full((len(rows), max(map(len, rows))), value)
    for at, row in enumerate(rows):
        out[at, : len(row)] = torch.as_tensor(row)
    return out


def model_inputs(features: Sequence[Feature], pad: int) -> Batch:
    """ids and mask (B, T), and token types where the features have them."""
    ids = [one["input_ids"] for one in features]
    batch = {
        "input_ids": padded(ids, pad),
        "attention_mask": padded([[1] * len(one) for one in ids], 0),
    }
    if "token_type_ids" in features[0]:
        batch["token_type_ids"] = padded([one["token_type_ids"] for one in features], 0)
    return batch


def summed_loss(
    logits: Tensor, labels: Tensor, smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy in nats, summed over the labels that are not NO_LABEL, in float32.

    logits: (..., V). labels: (...). smoothing: label smoothing (Szegedy et al. 2016, section 7).
    """
    return functional.cross_entropy(
        logits.flatten(0, -2).float(),
        labels.flatten(),
        weight=weights,
        ignore_index=NO_LABEL,
        reduction="sum",
        label_smoothing=smoothing,
    )


def read_all(paths: Sequence[str], columns: Sequence[str]) -> Iterator[tuple[str, Row]]:
    """The rows of all files with the file's name; those that cannot be used, too."""
    for path in paths:
        for row in read_rows(path, columns):
            yield path, row


def whole_rows(paths: Sequence[str], columns: Sequence[str]) -> list[Row]:
    """The rows of all files. Raises InputError for the first that cannot be used."""
    rows = []
    for path, row in read_all(paths, columns):
        if row.error is not None:
            raise InputError(f"{path}, line {row.number}: {row.error}; --check lists all")
        rows.append(row)
    return rows
