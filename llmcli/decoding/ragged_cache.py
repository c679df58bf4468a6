"""Keys and values of texts of several lengths, each in a slot, and attention to them.

A pass reads the next token of some texts and whole prompts beside them, as one row of tokens. What
is computed for each token by itself needs to know nothing of that; attention is computed here, for
each prompt, and for texts in neighbouring slots ("selective batching", Yu et al. 2022, "Orca").
"""

import mmap
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicLayer

PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
SPARE = 96  # positions read in vain that take as long as another call of attention

Attend = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
"""Attention (B, T, H, D) of query (B, H, T, D), key and value (B, K, S, D), mask (B, 1, T, S)."""


@dataclass(frozen=True, slots=True)
class Run:
    """Texts in neighbouring slots whose next tokens attend in one call."""

    tokens: slice
    """Their places in the pass."""
    slots: slice
    width: int
    """Positions of each slot that are read."""
    mask: Tensor | None
    """(b, 1, 1, width), true where a token attends; None if to all positions."""


@dataclass(slots=True)
class Pass:
    """What is read in one pass: a token of each text that goes on, then whole prompts."""

    slots: Tensor
    """(n,), of the texts that go on, ascending."""
    positions: Tensor
    """(n,), of their tokens."""
    runs: list[Run]
    prompts: list[tuple[int, slice]]
    """Slot, and places in the pass, of each prompt."""
    layer: "SlotsLayer | None" = None
    """The layer that was written last: the one that attends now."""

    @classmethod
    def of(
        cls, slots: Sequence[int], lengths: Sequence[int], prompts: Sequence[tuple[int, int]]
    ) -> "Pass":
        """slots: ascending. lengths: tokens in them so far. prompts: slot and length of each."""
        places, begin = [], len(slots)
        for slot, length in prompts:
            places.append((slot, slice(begin, begin + length)))
            begin += length
        runs = list(runs_of(slots, [length + 1 for length in lengths]))
        return cls(torch.tensor(slots, dtype=torch.long), torch.tensor(lengths), runs, places)

    def attend(self, plain: Attend, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention (1, N, H, D) of the tokens of the pass; each text attends to itself.

        plain: computes it for texts of one length. query, key, value: (1, H, N, D), of the pass.
        """
        token = NOW.set(None)  # the plain way asks for it, too
        try:
            return self._attended(plain, query, key, value)
        finally:
            NOW.reset(token)

    def _attended(self, plain: Attend, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        layer = self.layer
        if layer is None:
            raise RuntimeError("the model attends before it has written keys and values")
        _, heads, count, _ = query.shape
        attended = query.new_empty(1, count, heads, value.shape[-1])
        for run in self.runs:
            own = query[0, :, run.tokens].transpose(0, 1)[:, :, None]  # (b, H, 1, D)
            keys, values = (held[run.slots, :, : run.width] for held in layer.rooms)
            attended[0, run.tokens] = plain(own, keys, values, run.mask)[:, 0]
        for _, tokens in self.prompts:
            own, keys, values = (states[:, :, tokens] for states in (query, key, value))
            attended[:, tokens] = plain(own, keys, values, None)
        return attended


NOW: ContextVar[Pass | None] = ContextVar("NOW", default=None)
"""The pass that a model computes; the function that computes attention asks for it."""


def runs_of(slots: Sequence[int], lengths: Sequence[int]) -> Iterator[Run]:
    """Join texts in neighbouring slots, unless that reads many positions in vain.

    slots: ascending. lengths: tokens of each text, with the one that is read now.

    >>> [(run.slots, run.width) for run in runs_of([0, 1, 2, 5], [9, 9, 300, 8])]
    [(slice(0, 2, None), 9), (slice(2, 3, None), 300), (slice(5, 6, None), 8)]
    """
    begin = 0
    for end in range(1, len(slots) + 1):
        if end < len(slots) and slots[end] == slots[end - 1] + 1:
            before, after = lengths[begin:end], lengths[begin : end + 1]
            if _in_vain(after) - _in_vain(before) <= SPARE:
                continue
        yield _run(begin, slots[begin], lengths[begin:end])
        begin = end


def _in_vain(lengths: Sequence[int]) -> int:
    return max(lengths) * len(lengths) - sum(lengths)


def _run(begin: int, slot: int, lengths: Sequence[int]) -> Run:
    width, mask = max(lengths), None
    if min(lengths) < width:
        mask = (torch.arange(width) < torch.tensor(lengths)[:, None])[:, None, None]
    count = len(lengths)
    return Run(slice(begin, begin + count), slice(slot, slot + count), width, mask)


class SlotsLayer(DynamicLayer):
    """A layer of a KV cache: keys and values (S, H, L, D) of S slots, L positions each."""

    def __init__(self, slots: int, length: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._shape = slots, length
        self.rooms: list[Tensor] = []
        """Keys and values, once some were written."""

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write the keys and values (1, H, N, D) of a pass into their slots; return them."""
        if not self.rooms:
            self.rooms = [self._room(states) for states in (key_states, value_states)]
            self.lazy_initialization(*self.rooms)
            self.keys, self.values = self.rooms
        now = NOW.get()
        if now is None:
            raise RuntimeError("keys and values in slots are written by passes alone")
        for held, new in zip(self.rooms, (key_states[0], value_states[0]), strict=True):
            if now.runs:
                held[now.slots, :, now.positions] = new[:, : len(now.slots)].transpose(0, 1)
            for slot, tokens in now.prompts:
                held[slot, :, : tokens.stop - tokens.start] = new[:, tokens]
        now.layer = self
        return key_states, value_states

    def _room(self, states: Tensor) -> Tensor:
        """Zeros (S, H, L, D) that take memory where something is written."""
        slots, length = self._shape
        shape = (slots, states.shape[1], length, states.shape[3])
        size = slots * states.shape[1] * length * states.shape[3]
        memory = mmap.mmap(-1, size * states.element_size(), **PRIVATE)
        if hasattr(mmap, "MADV_HUGEPAGE"):  # larger pages are read faster
            memory.madvise(mmap.MADV_HUGEPAGE)
        return torch.frombuffer(memory, dtype=states.dtype, count=size).view(shape)

    def get_seq_length(self) -> int:
        """0: no token of a pass comes after all those before."""
        return 0
