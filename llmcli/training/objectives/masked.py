"""Words that are hidden, to be guessed from those around them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.inference.encoding import Fitting, encode
from llmcli.training.objectives.base import (
    NO_LABEL,
    Batch,
    Examples,
    Feature,
    RowObjective,
    model_inputs,
    padded,
    summed_loss,
    without_labels,
)

HEADS = ("cls", "lm_head")  # of BERT and its like, of RoBERTa and its like
GROUP = 500  # rows tokenized together


class Masked(RowObjective):
    """Some tokens are hidden, others in each epoch, the same ones wherever the run is made.

    Of those to be guessed 80% are masked, 10% replaced by any token, 10% left as they are.
    Source: Devlin et al. 2019, section 3.1.
    """

    def __init__(
        self, model: Any, tokenizer: Any, limit: int, *, fraction: float = 0.15, seed: int = 0
    ) -> None:
        super().__init__(model, tokenizer, limit)
        self._fraction, self._seed = fraction, seed

    def examples(self, rows: Sequence[Row]) -> Examples:
        """A long text gives several examples."""
        found = Examples([], len(rows))
        fitting = Fitting(self.limit, "window")
        for start in range(0, len(rows), GROUP):
            some = [row for row in rows[start : start + GROUP] if row.text.strip()]
            encoded = encode(
                self.tokenizer, [row.text for row in some], [None] * len(some), fitting
            )
            for row, one in zip(some, encoded, strict=True):
                if isinstance(one, InputError):
                    raise InputError(f"line {row.number}: {one}")
                for window in one.windows:
                    types = {"token_type_ids": window.types} if window.types else {}
                    found.features.append(
                        {"input_ids": window.ids, **types, "content": window.content}
                    )
        return found

    def collate(self, features: Sequence[Feature]) -> Batch:
        hidden = [self._hidden(one) for one in features]
        changed = [
            {**one, "input_ids": ids} for one, (ids, _) in zip(features, hidden, strict=True)
        ]
        labels = padded([labels for _, labels in hidden], NO_LABEL)  # (B, T)
        return {**model_inputs(changed, self.pad), "labels": labels}

    def _hidden(self, feature: Feature) -> tuple[list[int], list[int]]:
        """The ids that the model sees, and those that it is to guess."""
        ids, labels = list(feature["input_ids"]), [NO_LABEL] * len(feature["input_ids"])
        draw = np.random.default_rng([self._seed, *feature.get("key", (0, 0))])
        content = np.arange(feature["content"].start, feature["content"].stop)
        count = max(1, round(self._fraction * len(content)))
        for at in draw.permutation(content)[:count].tolist():
            labels[at] = ids[at]
            lot = draw.random()
            if lot < 0.8:
                ids[at] = self.tokenizer.mask_token_id
            elif lot < 0.9:
                ids[at] = int(draw.integers(len(self.tokenizer)))
        return ids, labels

    def loss(self, model: Any, batch: Batch) -> tuple[Tensor, Any]:
        inputs = without_labels(batch)
        guessed = batch["labels"] != NO_LABEL  # (B, T)
        head = next((name for name in HEADS if hasattr(model, name)), None)
        if head is None:  # one that lies elsewhere, or a wrapper of several processes
            logits = model(**inputs).logits[guessed]
        else:  # the vocabulary is large: only what is guessed is scored
            hidden = model.base_model(**inputs).last_hidden_state[guessed]
            logits = getattr(model, head)(hidden)
        return summed_loss(logits, batch["labels"][guessed]), logits
