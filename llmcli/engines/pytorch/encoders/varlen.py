"""Attention on a GPU over texts of any lengths that follow one another, without padding."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from llmcli.engines.pytorch.encoders.rows import Layout

Varlen = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, int, int], Tensor]
"""From query (N, H, d), key and value (M, H, d), the places where each text begins and the last one
ends, (B + 1,) in int32, in the queries and in the keys, and the longest of both, to (N, H, d): each
text attends to itself. The signature of torch.nn.attention.varlen.varlen_attn."""
DTYPES = (torch.float16, torch.bfloat16)
WIDEST, ALIGNED = 256, 8  # widths of a head that the kernel takes


def varlen_kernel() -> Varlen | None:
    """PyTorch's kernel (FlashAttention, Dao 2023), which came with 2.10; None before."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    kernel: Any = varlen_attn
    return lambda *arguments: kernel(*arguments)


def fits(dtype: torch.dtype, head_width: int) -> bool:
    """Whether the kernel takes heads of this width in this dtype."""
    return dtype in DTYPES and head_width <= WIDEST and head_width % ALIGNED == 0


def attention_of_texts(
    states: tuple[Tensor, Tensor, Tensor], layout: Layout, heads: int, kernel: Varlen
) -> Tensor:
    """Let the tokens of each text attend to one another.

    states: query, key and value, (N, D) each; or a query (B, D) of the first token of each text.
    Returns the shape of the query.
    """
    query, key, value = (rows.view(len(rows), heads, -1) for rows in states)  # (N, H, d)
    ends, longest = layout.ends, max(group.length for group in layout.groups)
    if len(query) == len(key):
        own_ends, own_longest = ends, longest
    else:
        own_ends, own_longest = torch.arange(len(ends), dtype=ends.dtype, device=ends.device), 1
    attended = kernel(query, key, value, own_ends, ends, own_longest, longest)
    return attended.flatten(1)
