"""Training examples and the tensors that batches of them become."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

NO_LABEL = -100  # positions that the loss leaves out
Feature = dict[str, Any]
"""One example: lists of numbers by the names of the model's inputs, and what it is scored by."""
Batch = dict[str, Any]


class Dataset(Protocol):
    """Examples whose lengths are known before they are made."""

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
    """The number of rows they come from."""
    cut: int = 0
    """Rows that were longer than the limit, and lost their end."""
    empty: int = 0
    """Rows that give no example."""
    unread: list[str] = field(default_factory=list)
    """Words of tagged rows that have no token, with their places."""

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, key: int) -> Feature:
        """The example `key` modulo their number; the quotient is the epoch."""
        epoch, index = divmod(key, len(self.features))
        return {**self.features[index], "key": (epoch, index)}

    def lengths(self) -> list[int]:
        """Tokens of each example."""
        return [size_of(feature) for feature in self.features]


def size_of(feature: Feature) -> int:
    """Tokens of an example, those of its target included."""
    return len(feature["input_ids"]) + len(feature.get("labels_ids", ()))


def moved(batch: Batch, device: torch.device) -> Batch:
    """A batch on another device."""
    return {
        name: value.to(device) if isinstance(value, Tensor) else value
        for name, value in batch.items()
    }


def without_labels(batch: Batch) -> Batch:
    """The inputs of the model alone: the loss is computed here, not by the model."""
    return {name: value for name, value in batch.items() if name != "labels"}


def padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """(B, T): rows filled up with `value` on the right."""
    out = torch.full((len(rows), max(map(len, rows))), value)
    for index, row in enumerate(rows):
        out[index, : len(row)] = torch.as_tensor(row)
    return out


def model_inputs(features: Sequence[Feature], pad: int) -> Batch:
    """ids and mask (B, T), and token types where the features have them."""
    ids = [feature["input_ids"] for feature in features]
    filled = padded(ids, pad)
    lengths = torch.tensor([len(row) for row in ids])
    mask = (torch.arange(filled.shape[1]) < lengths[:, None]).long()
    batch = {"input_ids": filled, "attention_mask": mask}
    if "token_type_ids" in features[0]:
        batch["token_type_ids"] = padded([feature["token_type_ids"] for feature in features], 0)
    return batch


def summed_loss(
    logits: Tensor, labels: Tensor, smoothing: float = 0.0, weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy in nats, summed over the labels that are not NO_LABEL, in float32.

    logits: (..., V). labels: (...). smoothing: label smoothing (Szegedy et al. 2016, section 7).
    weights: (V), the cost of a mistake for each label.
    """
    return functional.cross_entropy(
        logits.flatten(0, -2).float(),
        labels.flatten(),
        weight=weights,
        ignore_index=NO_LABEL,
        reduction="sum",
        label_smoothing=smoothing,
    )
