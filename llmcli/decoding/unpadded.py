"""Prompts of several lengths for a causal model that cannot be padded."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.loop import DecodingState

COUNTS_BY_MASK = ("bloom", "mpt", "mamba", "mamba2", "falcon_mamba")
"""Models without positions as an input, which nevertheless leave out what the mask hides."""
PADDING_CHANGES = (
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert"),
    *("data2vec-text", "xmod"),  # their own positions do not start from 0
    "git",  # counts positions itself
)
"""Models with positions as an input that read a padded text otherwise than the same text alone."""


def takes_padding(network: Any) -> bool:
    """True if a causal model reads a text that is padded on the left as it reads it alone.

    That needs positions that can be given, or none. benchmarks/decoding_equality.py compares all
    architectures of transformers.
    """
    accepted = inspect.signature(network.forward).parameters
    name = network.config.model_type
    if "attention_mask" not in accepted or name in PADDING_CHANGES:
        return False
    return "position_ids" in accepted or name in COUNTS_BY_MASK


def causal_state(network: Any, prompts: Sequence[Sequence[int]]) -> DecodingState:
    """The state in which a causal model continues prompts: in one batch, if it takes padding."""
    if len({len(prompt) for prompt in prompts}) == 1 or takes_padding(network):
        return CachedCausal(network, prompts)
    return UnpaddedCausal(network, prompts)


class UnpaddedCausal:
    """Prompts and what was appended to them, as a DecodingState: a batch for each length."""

    def __init__(self, network: Any, prompts: Sequence[Sequence[int]]) -> None:
        """network: a causal model of transformers. prompts: B lists of ids, none empty."""
        lengths = sorted({len(prompt) for prompt in prompts})
        rows = [[at for at, ids in enumerate(prompts) if len(ids) == size] for size in lengths]
        self._batches = [CachedCausal(network, [prompts[at] for at in part]) for part in rows]
        self._rows = rows
        """For each batch, the places of its rows in the whole."""

    def logits(self) -> Tensor:
        """Next-token logits (B, V) in float32."""
        order = torch.tensor([at for rows in self._rows for at in rows])
        return torch.cat([batch.logits() for batch in self._batches])[order.argsort()]

    def feed(self, tokens: Sequence[int]) -> None:
        """Append one token to each row."""
        for batch, rows in zip(self._batches, self._rows, strict=True):
            batch.feed([tokens[at] for at in rows])

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order; a row may occur more than once."""
        kept: list[tuple[CachedCausal, list[int]]] = []
        for batch, before in zip(self._batches, self._rows, strict=True):
            places = [at for at, row in enumerate(rows) if row in before]
            if places:
                batch.keep([before.index(rows[at]) for at in places])
                kept.append((batch, places))
        self._batches = [batch for batch, _ in kept]
        self._rows = [places for _, places in kept]
