"""The tokens of a batch as rows without padding."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn

WANTED: ContextVar[Tensor | None] = ContextVar("WANTED", default=None)
"""A mask (B, T) of the tokens whose states are used; None: all of them."""


@contextmanager
def only(wanted: Tensor | None) -> Iterator[None]:
    """Compute the states of these tokens (B, T) alone; the others may then be anything."""
    token = WANTED.set(wanted)
    try:
        yield
    finally:
        WANTED.reset(token)


def select_tokens(network: nn.Module, head: nn.Module) -> None:
    """Let a model's head compute wanted tokens alone, (n, V) in place of (B, T, V)."""

    def wanted_states(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        wanted = WANTED.get()
        return None if wanted is None else (inputs[0][wanted],)

    head.register_forward_pre_hook(wanted_states)
    setattr(network, SELECTS, True)


def selects_tokens(network: nn.Module) -> bool:
    """Whether `select_tokens` was called for a model."""
    return getattr(network, SELECTS, False)


SELECTS = "llmcli_selects_tokens"


@dataclass(frozen=True, slots=True)
class TextGroup:
    """Texts of the same length that follow one another."""

    first: int
    """The row of the first token."""
    texts: int
    length: int

    @property
    def stop(self) -> int:
        """The row after the last token."""
        return self.first + self.texts * self.length


def groups_of(lengths: Sequence[int]) -> list[TextGroup]:
    """TextGroup neighbours of equal length, the rows of one text after those of another.

    >>> [(group.first, group.texts, group.length) for group in groups_of([5, 5, 3])]
    [(0, 2, 5), (10, 1, 3)]
    """
    groups, first = [], 0
    for length, same in groupby(lengths):
        group = TextGroup(first, len(list(same)), length)
        groups.append(group)
        first = group.stop
    return groups


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the tokens of a padded batch are."""

    groups: list[TextGroup]
    padded: Tensor | None
    """Indices (N,) of the rows among the B x T places; None if no place is padding."""
    batch: int
    width: int
    ends: Tensor
    """(B + 1,) in int32: the row where each text begins, and that after the last one."""

    def rows(self, hidden: Tensor) -> Tensor:
        """hidden (B, T, D) without padding, (N, D)."""
        flat = hidden.reshape(-1, hidden.shape[-1])  # (B T, D)
        return flat if self.padded is None else flat[self.padded]

    def back(self, rows: Tensor, wanted: Tensor | None) -> Tensor:
        """Rows (N, D) as (B, T, D), zero at padding. wanted: rows that are left of all rows."""
        places = self.padded
        if wanted is not None:
            places = wanted if places is None else places[wanted]
        if places is None:
            return rows.view(self.batch, self.width, -1)
        hidden = rows.new_zeros(self.batch * self.width, rows.shape[-1])
        return hidden.index_copy_(0, places, rows).view(self.batch, self.width, -1)

    def numbers(self, wanted: Tensor) -> Tensor:
        """The rows (n,) of the tokens that a mask (B, T) names."""
        flat = wanted.reshape(-1)
        return (flat if self.padded is None else flat[self.padded]).nonzero()[:, 0]


def layout_of(hidden: Tensor, mask: Tensor | None) -> Layout:
    """The layout of a batch hidden (B, T, D).

    mask: what transformers made of the attention mask: (B, 1, T, T) or (B, 1, 1, T), of booleans or
    of numbers that are added to the scores; or (B, T) as it was; None without padding.
    """
    batch, width = hidden.shape[:2]
    whole = torch.arange(0, (batch + 1) * width, width, dtype=torch.int32, device=hidden.device)
    if mask is None:
        return Layout([TextGroup(0, batch, width)], None, batch, width, whole)
    keys = mask[:, 0, -1] if mask.dim() == 4 else mask  # (B, T)
    is_token = keys == 0 if keys.is_floating_point() and mask.dim() == 4 else keys.bool()
    counts = is_token.sum(1)
    lengths: list[int] = counts.tolist()
    if min(lengths) == width:
        return Layout([TextGroup(0, batch, width)], None, batch, width, whole)
    ends = nn.functional.pad(counts.cumsum(0, dtype=torch.int32), (1, 0))
    places = is_token.reshape(-1).nonzero()[:, 0]
    return Layout(groups_of(lengths), places, batch, width, ends)
