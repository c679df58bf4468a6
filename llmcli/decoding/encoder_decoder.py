"""A sequence-to-sequence model: encoded sources, and a decoder with a KV cache."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from llmcli.decoding.kv_cache import cache_name, with_room


class CachedSeq2Seq:
    """A batch of encoded sources, and what the decoder wrote for each, as a DecodingState.

    Several rows may share one source, as the beams of a search do: the hidden states of sources are
    moved only when rows of other sources come or go.
    """

    def __init__(
        self, network: Any, sources: Sequence[Sequence[int]], start: Sequence[int], pad: int
    ) -> None:
        """network: a sequence-to-sequence model of transformers. sources: B lists of ids.

        start: what the decoder starts from, the same in each row. pad: fills up the sources.
        """
        width = max(map(len, sources))
        rows = [list(source) + [pad] * (width - len(source)) for source in sources]
        lengths = torch.tensor([len(source) for source in sources])
        ids = torch.tensor(rows, device=network.device)  # (B, S)
        self._mask = (torch.arange(width) < lengths[:, None]).long().to(network.device)  # (B, S)
        self._network = network
        encoder = network.get_encoder()
        self._hidden = encoder(input_ids=ids, attention_mask=self._mask).last_hidden_state
        self._new = torch.tensor([list(start)] * len(sources), device=network.device)  # (B, t)
        self._cache_name = cache_name(network)
        self._cache: Any = None
        self._sources = list(range(len(sources)))

    def logits(self) -> Tensor:
        """Next-token logits (B, V) in float32."""
        out = self._network(
            encoder_outputs=BaseModelOutput(last_hidden_state=self._hidden),
            attention_mask=self._mask,
            decoder_input_ids=self._new,
            **{self._cache_name: self._cache},
            use_cache=True,
        )
        self._cache = getattr(out, self._cache_name)
        with_room(self._cache.self_attention_cache)
        last: Tensor = out.logits[:, -1].float()
        return last

    def feed(self, tokens: Sequence[int]) -> None:
        """Append one token to each row."""
        self._new = torch.tensor(tokens, device=self._new.device)[:, None]  # (B, 1)

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order; a row may occur more than once."""
        index = torch.tensor(rows, device=self._new.device)
        sources = [self._sources[row] for row in rows]
        self._new = self._new[index]
        if self._cache is not None:
            self._cache.self_attention_cache.reorder_cache(index)
        if sources != self._sources:
            self._sources = sources
            if self._cache is not None:
                self._cache.cross_attention_cache.reorder_cache(index)
            self._hidden, self._mask = self._hidden[index], self._mask[index]
