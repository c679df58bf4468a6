"""The KV cache: keys and values of the tokens so far, with room for the next ones."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

ROOM = 64  # least number of tokens that room is made for; else a quarter of the length
CACHE_NAMES = ("cache", "past_key_values", "cache_params")
"""Names of the cache: that of all models since transformers 5.24, and those of before."""


RECOMPUTED = ("cpmant", "dory")
"""Models that read all tokens again at each step: CPM-Ant wants the whole text beside its cache,
and Dory keeps caches of its loops that no reordering reaches."""


def cache_name(network: Any) -> str:
    """The name of a model's cache, as an argument and in its output; empty if it takes none."""
    if network.config.model_type in RECOMPUTED:
        return ""
    accepted = inspect.signature(network.forward).parameters
    return next((name for name in CACHE_NAMES if name in accepted), "")


class RoomyLayer(DynamicLayer):
    """A layer of a KV cache that appends a token in place, without copying the others.

    transformers copies all of them to append one, which takes up to a third of a step with many
    rows. Here that happens only after rows were reordered or dropped. Room is made with the second
    token after that, because a beam search reorders rows at every step.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._last: dict[str, tuple[Tensor | None, Tensor]] = {}
        """Of keys and of values: the allocated room, and the part of it that was returned last."""

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append keys and values (B, H, t, D); return all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys = self._appended("keys", self.keys, key_states)
        self.values = self._appended("values", self.values, value_states)
        return self.keys, self.values

    def _appended(self, name: str, held: Any, new: Tensor) -> Tensor:
        """held: (B, H, T, D); new: (B, H, t, D)."""
        last = self._last.get(name)
        if last is None or last[1] is not held:
            room, longer = None, torch.cat([held, new], dim=-2)
        else:
            room = last[0]
            before, after = held.shape[-2], held.shape[-2] + new.shape[-2]
            if room is None or room.shape[-2] < after:
                size = after + max(ROOM, after // 4)
                room = new.new_empty(*new.shape[:-2], size, new.shape[-1])
                room[..., :before, :] = held
            room[..., before:after, :] = new
            longer = room[..., :after, :]
        self._last[name] = (room, longer)
        return longer

    # Both of these replace the tensors: the old room must not stay in memory.

    def reorder_cache(self, beam_idx: Any) -> None:
        """Continue with these rows, in this order."""
        self._last.clear()
        super().reorder_cache(beam_idx)

    def crop(self, tokens_to_remove: int) -> None:
        """Forget the last tokens, of which there are `-tokens_to_remove`; their room stays."""
        super().crop(tokens_to_remove)
        for name, held in (("keys", self.keys), ("values", self.values)):
            if name in self._last and held is not None:
                self._last[name] = (self._last[name][0], held)

    def reset(self) -> None:
        """Forget all tokens."""
        self._last.clear()
        # Freed: before 5.24, transformers sets them to 0 instead.
        self.keys = self.values = None
        self.is_initialized = False
        super().reset()

    @classmethod
    def holding(cls, keys: Any, values: Any, length: int | None = None) -> "RoomyLayer":
        """A layer with these keys and values (B, H, T, D); what is beyond `length` is room."""
        layer = cls()
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys[..., :length, :], values[..., :length, :]
        rooms = (None, None) if length is None else (keys, values)
        layer._last = {"keys": (rooms[0], layer.keys), "values": (rooms[1], layer.values)}
        return layer


def with_room(cache: Any) -> Any:
    """The cache that a model returned, with its ordinary layers replaced by roomy ones."""
    if type(cache) is DynamicCache:
        cache.layers = [_roomy(layer) for layer in cache.layers]
    return cache


def _roomy(layer: Any) -> Any:
    if type(layer) is DynamicLayer and layer.is_initialized:
        return RoomyLayer.holding(layer.keys, layer.values)
    return layer


def may_be_joined(config: Any) -> bool:
    """True if a model with this config caches keys and values of all tokens, in all layers."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)


def is_joinable(cache: Any) -> bool:
    """True if all layers of a cache are roomy ones."""
    return type(cache) is DynamicCache and all(type(layer) is RoomyLayer for layer in cache.layers)


def joined(caches: Sequence[Any], rows: Sequence[Sequence[int]], width: int) -> Any:
    """Join several caches into one, padded on the left to `width` tokens; they are emptied.

    rows: for each cache, the positions of its rows in the result.
    """
    count, length = sum(map(len, rows)), width + max(ROOM, width // 4)

    def together(layer: int, name: str) -> Tensor:
        first = getattr(caches[0].layers[layer], name)  # (b, H, T, D)
        whole: Tensor = first.new_zeros(count, first.shape[1], length, first.shape[3])
        for at, cache in zip(rows, caches, strict=True):
            part = getattr(cache.layers[layer], name)
            whole[list(at), :, width - part.shape[-2] : width] = part
        return whole

    result = DynamicCache()
    for layer in range(len(caches[0].layers)):
        keys, values = together(layer, "keys"), together(layer, "values")
        result.layers.append(RoomyLayer.holding(keys, values, width))
        for cache in caches:
            cache.layers[layer].reset()
    return result
