"""Text for a language model, packed into blocks; conversations, where only answers are learnt."""

from typing import Any

from torch import Tensor
from torch.nn import functional

from llmcli.training.objectives.base import (
    NO_LABEL,
    Batch,
    Objective,
    model_inputs,
    padded,
    summed_loss,
    without_labels,
)


class Causal(Objective):
    """Each token is predicted from those before it; text comes in blocks (core/corpus.py)."""

    def __init__(self, model: Any, tokenizer: Any, limit: int, *, smoothing: float = 0.0) -> None:
        super().__init__(model, tokenizer, limit)
        self._smoothing = smoothing

    def collate(self, features: Any) -> Batch:
        batch = model_inputs(features, self.pad)
        return {**batch, "labels": padded([one["labels"] for one in features], NO_LABEL)}

    def weight(self, batch: Batch) -> Tensor:
        count: Tensor = batch["labels"][:, 1:].ne(NO_LABEL).sum()
        return count

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        outputs = model(**inputs, use_cache=False)
        # The labels move, not the logits, of which a part would be copied: they are by far larger.
        next_ids = functional.pad(batch["labels"][:, 1:], (0, 1), value=NO_LABEL)  # (B, T)
        return summed_loss(outputs.logits, next_ids, self._smoothing), outputs
