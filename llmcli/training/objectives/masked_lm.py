"""Masked language modelling: some tokens are hidden, and predicted from those around them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from llmcli.data.rows import Row
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.inference.encoding import Fitting, encode
from llmcli.training.base import Defaults
from llmcli.training.checkup.findings import Sample
from llmcli.training.checkup.previews import marked, shortened
from llmcli.training.examples import (
    NO_LABEL,
    Batch,
    Examples,
    Feature,
    model_inputs,
    padded,
    summed_loss,
    without_labels,
)
from llmcli.training.lora import without_adapters
from llmcli.training.model_card import perplexity_line
from llmcli.training.rows import RowObjective, RowTask

HEADS = ("cls", "lm_head")  # attributes of BERT's kind, of RoBERTa's kind
GROUP = 500  # rows tokenized together


class MaskedLM(RowTask):
    """Texts, of which a fraction of the tokens is hidden."""

    defaults = Defaults("masked", ("text",), eval_fraction=0.01, limit=128)
    lora_type = "FEATURE_EXTRACTION"
    pipeline_tag = "fill-mask"
    preview_caption = "examples; what is hidden is marked"
    cuts_rows = False

    def check_tokenizer(self, tokenizer: Any, name: str) -> None:
        if tokenizer.mask_token_id is None:
            raise ModelUnsuitable(f"the tokenizer of {name} has no mask token")

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "MaskedObjective":
        return MaskedObjective(self, model, tokenizer)

    def card_line(self, metrics: dict[str, float]) -> str:
        return perplexity_line(metrics)


task = MaskedLM


class MaskedObjective(RowObjective):
    """Cross-entropy at the hidden tokens.

    Which tokens are hidden depends on the seed, the epoch and the example alone, not on its batch.
    Of the hidden tokens 80% become the mask token, 10% a random token, 10% stay as they are.
    Source: Devlin et al. 2019, section 3.1.
    """

    loss_is_per_token = True

    def __init__(self, task: MaskedLM, model: Any, tokenizer: Any) -> None:
        super().__init__(task, model, tokenizer)
        self._fraction, self._seed = task.options.mask_fraction, task.options.seed
        self._size = min(len(tokenizer), self.rows or len(tokenizer))
        if self.rows is not None and tokenizer.mask_token_id >= self.rows:
            raise ModelUnsuitable(
                f"the mask token has id {tokenizer.mask_token_id}, but the model has vectors for "
                f"the ids 0 to {self.rows - 1} only"
            )

    def examples(self, rows: Sequence[Row]) -> Examples:
        """A long text gives several examples."""
        examples = Examples([], len(rows))
        fitting = Fitting(self.limit, "window")
        for start in range(0, len(rows), GROUP):
            group = [row for row in rows[start : start + GROUP] if row.text.strip()]
            texts = [row.text for row in group]
            encoded = encode(self.tokenizer, texts, [None] * len(texts), fitting)
            for row, fitted in zip(group, encoded, strict=True):
                if isinstance(fitted, InputError):
                    raise InputError(f"{row.place}: {fitted}")
                for window in fitted.windows:
                    types = {"token_type_ids": window.types} if window.types else {}
                    feature = {"input_ids": window.ids, **types, "content": window.content}
                    examples.features.append(feature)
        return examples

    def preview(self, feature: Feature, number: int = 0) -> Sample:
        """number: decides which tokens are hidden."""
        (labels,) = self.collate([{**feature, "key": (0, number)}])["labels"].tolist()
        hidden = [label != NO_LABEL for label in labels]
        return shortened(marked(self.tokenizer, feature["input_ids"], hidden))

    def collate(self, features: Sequence[Feature]) -> Batch:
        ids, labels = zip(*map(self._hidden, features), strict=True)
        changed = [
            {**feature, "input_ids": row} for feature, row in zip(features, ids, strict=True)
        ]
        return {**model_inputs(changed, self.pad), "labels": padded(labels, NO_LABEL)}  # (B, T)

    def _hidden(self, feature: Feature) -> tuple[list[int], list[int]]:
        """The ids that the model sees, and the labels: the ids that it has to predict."""
        ids, labels = list(feature["input_ids"]), [NO_LABEL] * len(feature["input_ids"])
        random = np.random.default_rng([self._seed, *feature.get("key", (0, 0))])
        content = np.arange(feature["content"].start, feature["content"].stop)
        count = max(1, round(self._fraction * len(content)))
        for position in random.permutation(content)[:count].tolist():
            labels[position] = ids[position]
            draw = random.random()
            if draw < 0.8:
                ids[position] = self.tokenizer.mask_token_id
            elif draw < 0.9:
                ids[position] = int(random.integers(self._size))
        return ids, labels

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        is_hidden = batch["labels"] != NO_LABEL  # (B, T)
        network = without_adapters(model)
        head = next((name for name in HEADS if hasattr(network, name)), None)
        if head is None:  # it has another name, or a wrapper of several processes is around it
            logits = model(**inputs).logits[is_hidden]  # (N, V)
        else:  # the vocabulary is large: only hidden tokens are scored
            hidden = network.base_model(**inputs).last_hidden_state[is_hidden]  # (N, D)
            logits = getattr(network, head)(hidden)  # (N, V)
        return summed_loss(logits, batch["labels"][is_hidden]), logits
