"""Embeddings like those of another model, the teacher, which the trained model can then replace."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from llmcli.data.rows import Row
from llmcli.engines.base import Loaded
from llmcli.engines.pytorch import loading
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.tokenization.typed_text import encode_typed
from llmcli.training.base import Defaults, Scorer
from llmcli.training.checkup.findings import Sample
from llmcli.training.checkup.previews import shortened
from llmcli.training.examples import Batch, Examples, Feature, model_inputs
from llmcli.training.rows import RowObjective, RowTask, encoded_texts

GROUP = 64  # texts that the teacher reads together


class Distillation(RowTask):
    """Texts; their embeddings by the teacher are what is learnt."""

    defaults = Defaults("encoder", ("text",), eval_fraction=0.01, limit=128)
    lora_type = "FEATURE_EXTRACTION"
    pipeline_tag = "feature-extraction"
    preview_caption = "examples; their vectors are learnt"

    def __init__(self, options: Training, teacher: ModelSpec | None) -> None:
        """teacher: None where the texts are only counted."""
        super().__init__(options)
        self._teacher = teacher

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "DistillationObjective":
        teacher = None
        if self._teacher is not None:
            spec = replace(self._teacher, device="cpu", dtype="float32")
            teacher = loading.load_encoder(spec)
        return DistillationObjective(self, model, tokenizer, teacher)


class DistillationObjective(RowObjective):
    """One minus the cosine between the mean of a text's token states and the teacher's.

    Source: Reimers and Gurevych 2020, "Making Monolingual Sentence Embeddings Multilingual",
    with the cosine in place of the squared distance.
    """

    metric = "cosine"

    def __init__(
        self, task: Distillation, model: Any, tokenizer: Any, teacher: Loaded | None
    ) -> None:
        super().__init__(task, model, tokenizer)
        self._teacher = teacher

    def examples(self, rows: Sequence[Row]) -> Examples:
        """Ordered by length; blank texts give none."""
        examples = Examples([], len(rows))
        rows = sorted((row for row in rows if row.text.strip()), key=lambda row: len(row.text))
        for start in range(0, len(rows), GROUP):
            group = rows[start : start + GROUP]
            vectors = self._taught([row.text for row in group])
            features = encoded_texts(self.tokenizer, group, self.limit, examples)
            for feature, vector in zip(features, vectors, strict=True):
                examples.features.append({**feature, "vector": vector})
        return examples

    @torch.inference_mode()
    def _taught(self, texts: list[str]) -> Tensor:
        """(B, D), the teacher's embeddings; (B, 1) zeros without a teacher."""
        if self._teacher is None:
            return torch.zeros(len(texts), 1)
        inputs = encode_typed(
            self._teacher.tokenizer,
            texts,
            truncation=True,
            max_length=self.limit,
            padding=True,
            return_tensors="pt",
        )
        hidden = self._teacher.network(**inputs).last_hidden_state  # (B, T, D)
        return _mean(hidden, inputs["attention_mask"]).clone()

    def preview(self, feature: Feature, number: int = 0) -> Sample:
        return shortened([(self.tokenizer.decode(feature["input_ids"]), False)])

    def collate(self, features: Sequence[Feature]) -> Batch:
        vectors = torch.stack([feature["vector"] for feature in features])  # (B, D)
        return {**model_inputs(features, self.pad), "vectors": vectors}

    def weight(self, batch: Batch) -> Tensor:
        return torch.tensor(len(batch["vectors"]))

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = {name: value for name, value in batch.items() if name != "vectors"}
        hidden = model(**inputs).last_hidden_state  # (B, T, D)
        means = _mean(hidden, batch["attention_mask"])  # (B, D)
        cosines = functional.cosine_similarity(means.float(), batch["vectors"])  # (B,)
        return (1 - cosines).sum(), cosines

    def scorer(self) -> Scorer:
        return CosineScorer()


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean (B, D) of the token states hidden (B, T, D) where mask (B, T) is 1."""
    weights = (mask / mask.sum(1, keepdim=True)).to(hidden.dtype)  # (B, T)
    mean: Tensor = (weights[:, None] @ hidden)[:, 0]
    return mean


class CosineScorer(Scorer):
    """The mean cosine between the embeddings and the teacher's."""

    def __init__(self) -> None:
        self._cosines: list[float] = []

    def add(self, features: Sequence[Feature], batch: Batch, outputs: Any) -> None:
        self._cosines += outputs.tolist()

    def metrics(self) -> dict[str, float]:
        return {"cosine": sum(self._cosines) / max(1, len(self._cosines))}
