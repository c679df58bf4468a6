"""Keys and values of the tokens so far, with room for those to come."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

ROOM = 64  # tokens that room is made for, or a quarter of those that are there


class RoomyLayer(DynamicLayer):
    """A layer of a cache in which a token that is appended is written behind the others.

    transformers copies all of them to append one, which takes up to a third of a step of many
    rows. Here that happens where rows were reordered or dropped since the last token; room is made
    with the second token after that, for in a search they are reordered at each step.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._last: dict[str, tuple[Tensor | None, Tensor]] = {}
        """Of keys and of values: the room that was made, and the part of it that was given out."""

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
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

    # Both replace the tensors: the room behind the last ones must not stay in memory.

    def reorder_cache(self, beam_idx: Any) -> None:
        self._last.clear()
        super().reorder_cache(beam_idx)

    def reset(self) -> None:
        self._last.clear()
        super().reset()

    @classmethod
    def holding(cls, keys: Any, values: Any, length: int | None = None) -> "RoomyLayer":
        """A layer with these keys and values (B, H, T, D), those behind `length` being room."""
        found = cls()
        found.lazy_initialization(keys, values)
        found.keys, found.values = keys[..., :length, :], values[..., :length, :]
        rooms = (None, None) if length is None else (keys, values)
        found._last = {"keys": (rooms[0], found.keys), "values": (rooms[1], found.values)}
        return found


def with_room(cache: Any) -> Any:
    """A cache that a model made of its prompts, its ordinary layers being roomy ones."""
    if type(cache) is DynamicCache:
        cache.layers = [_roomy(layer) for layer in cache.layers]
    return cache


def _roomy(layer: Any) -> Any:
    if type(layer) is DynamicLayer and layer.is_initialized:
        return RoomyLayer.holding(layer.keys, layer.values)
    return layer


def may_be_joined(config: Any) -> bool:
    """True if a model with these settings keeps keys and values, and of all tokens."""
    return all(type(one) is DynamicLayer for one in DynamicCache(config=config).layers)


def is_joinable(cache: Any) -> bool:
    """True if all that the cache holds is in roomy layers."""
    return type(cache) is DynamicCache and all(type(one) is RoomyLayer for one in cache.layers)


def joined(caches: Sequence[Any], rows: Sequence[Sequence[int]], width: int) -> Any:
    """One cache of several, which are emptied, padded on the left to `width` tokens.

    rows: of each cache, the places that its rows have in the whole.
    """
    count, length = sum(map(len, rows)), width + max(ROOM, width // 4)

    def together(layer: int, name: str) -> Tensor:
        first = getattr(caches[0].layers[layer], name)  # (b, H, T, D)
        whole: Tensor = first.new_zeros(count, first.shape[1], length, first.shape[3])
        for at, cache in zip(rows, caches, strict=True):
            part = getattr(cache.layers[layer], name)
            whole[list(at), :, width - part.shape[-2] : width] = part
        return whole

    found = DynamicCache()
    for layer in range(len(caches[0].layers)):
        keys, values = together(layer, "keys"), together(layer, "values")
        found.layers.append(RoomyLayer.holding(keys, values, width))
        for cache in caches:
            cache.layers[layer].reset()
    return found
