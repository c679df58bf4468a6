"""Vectors of texts like those of another model, by which it can be replaced."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from llmcli.data.rows import Row
from llmcli.training.objectives.base import (
    Batch,
    Examples,
    Feature,
    RowObjective,
    Scorer,
    model_inputs,
)
from llmcli.training.objectives.classification import encoded_texts

GROUP = 64  # texts that the teacher reads together


class Likeness(RowObjective):
    """One minus the cosine between the mean of a text's token states and the teacher's.

    Source: Reimers and Gurevych 2020, "Making Monolingual Sentence Embeddings Multilingual",
    with the cosine in place of the squared distance.
    """

    metric = "cosine"

    def __init__(
        self, model: Any, tokenizer: Any, limit: int, teacher: Any, teacher_tokenizer: Any
    ) -> None:
        super().__init__(model, tokenizer, limit)
        self._teacher, self._teacher_tokenizer = teacher, teacher_tokenizer

    def examples(self, rows: Sequence[Row]) -> Examples:
        found = Examples([], len(rows))
        rows = sorted((row for row in rows if row.text.strip()), key=lambda row: len(row.text))
        for start in range(0, len(rows), GROUP):
            some = rows[start : start + GROUP]
            vectors = self._taught([row.text for row in some])
            features = encoded_texts(self.tokenizer, some, self.limit, found)
            for feature, vector in zip(features, vectors, strict=True):
                found.features.append({**feature, "vector": vector})
        return found

    @torch.inference_mode()
    def _taught(self, texts: list[str]) -> Tensor:
        """(B, D)"""
        inputs = self._teacher_tokenizer(
            texts, truncation=True, max_length=self.limit, padding=True, return_tensors="pt"
        )
        hidden = self._teacher(**inputs).last_hidden_state
        return _mean(hidden, inputs["attention_mask"]).clone()

    def collate(self, features: Sequence[Feature]) -> Batch:
        vectors = torch.stack([one["vector"] for one in features])  # (B, D)
        return {**model_inputs(features, self.pad), "vectors": vectors}

    def weight(self, batch: Batch) -> Tensor:
        return torch.tensor(len(batch["vectors"]))

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = {name: value for name, value in batch.items() if name != "vectors"}
        hidden = model(**inputs).last_hidden_state
        own = _mean(hidden, batch["attention_mask"])
        cosines = functional.cosine_similarity(own.float(), batch["vectors"])
        return (1 - cosines).sum(), cosines

    def scorer(self) -> Scorer:
        return _Cosine()


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean (B, D) of the token states hidden (B, T, D) that mask (B, T) names."""
    weights = (mask / mask.sum(1, keepdim=True)).to(hidden.dtype)  # (B, T)
    mean: Tensor = (weights[:, None] @ hidden)[:, 0]
    return mean


class _Cosine(Scorer):
    def __init__(self) -> None:
        self._cosines: list[float] = []

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        self._cosines += outputs.tolist()

    def metrics(self) -> dict[str, float]:
        return {"cosine": sum(self._cosines) / max(1, len(self._cosines))}
