"""A causal model that is fed prompts, then one token a row at a time, with a KV cache."""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from llmcli.decoding.kv_cache import cache_name, is_joinable, joined, may_be_joined, with_room
from llmcli.decoding.text_config import text_config

READ_AT_ONCE = 1024  # tokens of prompts, padding included, that a CPU reads in one pass


class CachedCausal:
    """A batch of prompts and what was appended to them, as a DecodingState.

    Prompts are padded on the left, so that all rows end at the same position. Positions are counted
    from the first real token of each row: padding does not change its numbers.
    """

    def __init__(self, network: Any, prompts: Sequence[Sequence[int]]) -> None:
        """network: a causal model of transformers. prompts: B lists of ids, none empty."""
        accepted = inspect.signature(network.forward).parameters
        self._network = network
        self._takes_positions = "position_ids" in accepted
        self._takes_last_only = "logits_to_keep" in accepted
        self._cache_name = cache_name(network)
        self._cache: Any = None
        self._is_recurrent = not hasattr(text_config(network.config), "num_attention_heads")
        width = max(map(len, prompts))
        padding = [width - len(prompt) for prompt in prompts]
        rows = [[0] * pad + list(prompt) for pad, prompt in zip(padding, prompts, strict=True)]
        self._ids = torch.tensor(rows, device=network.device)  # (B, T), all tokens so far
        self._mask = torch.ones_like(self._ids)  # (B, T)
        for row, pad in enumerate(padding):
            self._mask[row, :pad] = 0
        self._is_padded = any(padding)
        self._unread = width  # tokens at the end that are not in the cache

    def logits(self) -> Tensor:
        """Next-token logits (B, V) in float32."""
        logits = self._read_in_parts() if self._cache is None else None
        return self.last_logits(1)[:, -1] if logits is None else logits

    def _read_in_parts(self) -> Tensor | None:
        """Read many prompts on a CPU, those of similar length together: logits (B, V).

        So there is little padding, and the activations of a part fit into the processor's cache.
        None if the prompts are few, or if the model's cache cannot be joined.
        """
        lengths = self._mask.sum(-1).tolist()
        parts = list(by_length(lengths, READ_AT_ONCE)) if self._ids.device.type == "cpu" else []
        if len(parts) < 2 or self._is_recurrent or not self._cache_name:
            return None
        if not may_be_joined(self._network.config):
            return None
        caches, logits = [], []
        for rows in parts:
            prompts = [self._ids[row, -lengths[row] :].tolist() for row in rows]
            part = CachedCausal(self._network, prompts)
            logits.append(part.last_logits(1)[:, -1])
            if not is_joinable(part._cache):
                return None
            caches.append(part._cache)
        self._cache, self._unread = joined(caches, parts, self._ids.shape[1]), 0
        order = torch.tensor([row for rows in parts for row in rows])
        return torch.cat(logits)[order.argsort()]

    def last_logits(self, count: int) -> Tensor:
        """Logits (B, count, V) in float32 at the last positions of the tokens not yet read."""
        inputs: dict[str, Any] = {}
        if self._is_padded and not (self._is_recurrent and self._cache is not None):
            inputs["attention_mask"] = self._mask  # a recurrent state holds no padding
            if self._takes_positions:
                inputs["position_ids"] = (self._mask.cumsum(-1) - 1).clamp(min=0)
        ids = self._ids
        if self._cache is not None:
            ids = ids[:, -self._unread :]  # (B, t)
            inputs[self._cache_name] = self._cache
            if "position_ids" in inputs:
                inputs["position_ids"] = inputs["position_ids"][:, -self._unread :]
        if self._takes_last_only:
            inputs["logits_to_keep"] = count
        out = self._network(input_ids=ids, use_cache=bool(self._cache_name), **inputs)
        # Without a cache, all tokens are read again at each step.
        self._cache, self._unread = with_room(getattr(out, self._cache_name, None)), 0
        last: Tensor = out.logits[:, -count:].float()
        return last

    @property
    def cache(self) -> Any:
        """The KV cache of the tokens that were read."""
        return self._cache

    def feed(self, tokens: Sequence[int]) -> None:
        """Append one token to each row."""
        column = torch.tensor(tokens, device=self._ids.device)[:, None]  # (B, 1)
        self._ids = torch.cat([self._ids, column], dim=1)
        self._mask = torch.cat([self._mask, torch.ones_like(column)], dim=1)
        self._unread += 1

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order; a row may occur more than once."""
        index = torch.tensor(rows, device=self._ids.device)
        self._ids, self._mask = self._ids[index], self._mask[index]
        if self._cache is not None:
            self._cache.reorder_cache(index)


def by_length(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Rows that are read together, for prompts of these lengths; the longest come first.

    most: tokens of one group, padding included; a longer prompt is a group by itself.
    """
    group: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if group and (len(group) + 1) * lengths[group[0]] > most:
            yield group
            group = []
        group.append(row)
    if group:
        yield group
