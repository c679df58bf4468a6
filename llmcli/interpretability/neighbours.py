"""Tokens as vectors of the embedding table: the nearest ones, and a plane that shows them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
ROWS = 8192  # of the table at once, so that a large one is not copied whole
UNUSED = re.compile(r"[\[<]unused_?\d+[\]>]|<extra_id_\d+>|<\|reserved_.*\|>|madeupword\d+", re.I)
"""Entries that keep a place free, and that no text has been trained with."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The tokens whose vectors point nearest to those of U tokens; K for each."""

    ids: NDArray[np.int32]
    """(U, K): their ids, the nearest first."""
    similarity: Floats
    """(U, K): the cosine of the angle between both vectors, 1 for the same direction."""
    searched: int
    """How many entries of the vocabulary were compared."""
    left_out: int
    """Special tokens, unused entries, and rows of the table without a token."""


def nearest(
    table: Tensor, ids: Sequence[int], allowed: NDArray[np.bool_], count: int
) -> Neighbours:
    """The nearest tokens by cosine over the whole table (V, D), each without itself.

    ids (U,): the tokens. allowed (V,): which entries may be named.
    """
    chosen = torch.nn.functional.normalize(table[list(ids)].float(), dim=-1)  # (U, D)
    usable = torch.from_numpy(allowed).to(table.device)
    count = min(count, max(0, int(allowed.sum()) - 1))
    best = torch.empty(len(ids), 0, device=table.device)
    places = torch.empty(len(ids), 0, dtype=torch.long, device=table.device)
    own = torch.tensor(list(ids), device=table.device)
    for start in range(0, len(table), ROWS):
        rows = torch.nn.functional.normalize(table[start : start + ROWS].float(), dim=-1)
        cosine = chosen @ rows.T  # (U, R)
        here = torch.arange(start, start + len(rows), device=table.device)
        cosine[:, ~usable[start : start + ROWS]] = -torch.inf
        cosine[own[:, None] == here] = -torch.inf
        best = torch.cat([best, cosine], 1)
        places = torch.cat([places, here.expand(len(ids), -1)], 1)
        kept = best.topk(min(count, best.shape[1]), 1)
        best, places = kept.values, places.gather(1, kept.indices)
    searched = int(allowed.sum())
    return Neighbours(
        places.cpu().numpy().astype(np.int32), best.cpu().numpy(), searched, len(table) - searched
    )


def usable_entries(tokenizer: Any, table: Tensor) -> NDArray[np.bool_]:
    """(V,): the entries of an embedding table that stand for a piece of text.

    Not special tokens, entries that are unused by their name, rows that no token has (tables are
    padded to round numbers), and rows of zeros.
    """
    usable = np.zeros(len(table), bool)
    special = set(tokenizer.all_special_tokens)
    for name, token in tokenizer.get_vocab().items():
        if token < len(usable) and name not in special and not UNUSED.fullmatch(name):
            usable[token] = True
    not_zero: NDArray[np.bool_] = (table != 0).any(-1).cpu().numpy()
    return usable & not_zero


def plane(vectors: Floats) -> tuple[Floats, Floats]:
    """Coordinates (U, 2) of U vectors (U, D) on their two main axes, and both axes' shares (2,).

    Principal component analysis: the singular vectors of the centred vectors. The sign of an axis
    is free: it is set so that the coordinate with the greatest size is positive. The share is that
    of the vectors' variance. Axes that the vectors do not have are zero.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    whole = float((sizes**2).sum())
    coordinates, shares = np.zeros((len(vectors), 2)), np.zeros(2)
    for axis in range(min(2, len(sizes))):
        if sizes[axis] <= 1e-9 * max(sizes[0], 1e-30) or not whole:
            continue
        values = left[:, axis] * sizes[axis]
        # The first of equal sizes decides, whatever the last digits are.
        greatest = int(np.argmax(np.abs(values).round(6)))
        coordinates[:, axis] = values * np.sign(values[greatest])
        shares[axis] = sizes[axis] ** 2 / whole
    return coordinates.astype(np.float32), shares.astype(np.float32)
