"""Attention of the tokens of a text to one another, for rows without padding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from llmcli.engines.pytorch.encoders.rows import TextGroup

Attend = Callable[[Tensor, Tensor, Tensor, "Tensor | None"], Tensor]
"""From query (B, H, Q, d), key and value (B, H, T, d) and a bias (1, H or 1, Q, T) that is added to
the scores to (B, H, Q, d)."""
CHUNK = 1 << 20
"""Scores that are held at a time by `chunks`: 4 MB in float32."""


def sdpa(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """PyTorch's fused kernel."""
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def products(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """Two matrix products with a softmax between them (Vaswani et al. 2017, section 3.2.1)."""
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(2, 3))  # (B, H, Q, T)
    if bias is not None:
        scores += bias
    return torch.matmul(scores.softmax(-1), value)


def chunks(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """`products` of some heads at a time, whose scores stay in the processor's cache."""
    texts, heads, count, _ = query.shape
    attended = torch.empty_like(query)
    each = max(1, min(heads, CHUNK // (count * key.shape[2])))
    together = max(1, CHUNK // (each * count * key.shape[2]))
    for text in range(0, texts, together):
        for head in range(0, heads, each):
            at = (slice(text, text + together), slice(head, head + each))
            some = bias if bias is None or bias.shape[1] == 1 else bias[:, at[1]]
            attended[at] = products(query[at], key[at], value[at], some)
    return attended


KERNELS: dict[str, Attend] = {"sdpa": sdpa, "chunks": chunks, "products": products}


@dataclass(frozen=True, slots=True)
class Positions:
    """How scores depend on where tokens are; nothing where positions are part of the states."""

    bias: Tensor | None = None
    """Added to the scores, (1, H or 1, T, T), for texts of up to T tokens."""
    turns: tuple[Tensor, Tensor] | None = None
    """Cosines and sines (T, 1, d) by which queries and keys are turned (Su et al. 2021)."""


def attention(
    states: tuple[Tensor, Tensor, Tensor],
    groups: Sequence[TextGroup],
    heads: int,
    positions: Positions,
    attend: Attend,
) -> Tensor:
    """Let the tokens of each text attend to one another.

    states: query, key and value, (N, D) each; or a query (B, D) of the first token of each text.
    Returns the shape of the query.
    """
    query, key, value = states
    only_first = len(query) != len(key)
    attended = torch.empty(query.shape, dtype=query.dtype)
    text = 0
    for group in groups:
        keys = queries = slice(group.first, group.stop)
        if only_first:
            queries = slice(text, text + group.texts)
            text += group.texts
        split = [
            rows.view(group.texts, -1, heads, rows.shape[-1] // heads)
            for rows in (query[queries], key[keys], value[keys])
        ]  # (B, T, H, d)
        result = _attend(split, positions, attend)  # (B, H, Q, d)
        own = attended[queries].view(group.texts, -1, heads, result.shape[-1])
        own.copy_(result.transpose(1, 2))
    return attended


def _attend(split: Sequence[Tensor], positions: Positions, attend: Attend) -> Tensor:
    query, key, value = split  # (B, T, H, d)
    bias = positions.bias
    if bias is not None:
        bias = bias[:, :, : query.shape[1], : key.shape[1]]
    if positions.turns is not None:
        query, key = (turned(tokens, *positions.turns) for tokens in (query, key))
    query, key, value = (tokens.transpose(1, 2) for tokens in (query, key, value))
    return attend(query, key, value, bias)


def turned(tokens: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Queries or keys (B, T, H, d), turned by their positions, from 0, in float32."""
    length = tokens.shape[1]
    first, second = tokens.float().chunk(2, -1)
    swapped = torch.cat((-second, first), -1)
    result = tokens.float() * cosines[:length] + swapped * sines[:length]
    return result.to(tokens.dtype)
