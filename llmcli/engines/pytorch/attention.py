"""Attention in bfloat16 on a CPU, where PyTorch's own kernel is slow."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

MOST_SCORES = 1 << 25  # numbers, 64 MB
UNKNOWN = ("position_bias", "softcap", "s_aux", "output_attentions")
"""Arguments of some models that change the scores, or ask for them."""


def use_matrix_products() -> None:
    """Make `attend` the function of all models of transformers whose attention is "sdpa"."""
    AttentionInterface.register("sdpa", attend)


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **more: Any,
) -> tuple[Tensor, Tensor | None]:
    """Scaled dot-product attention, (B, T, H, D): query (B, H, T, D), key and value (B, K, S, D).

    In bfloat16 on a CPU, without gradients, it is two matrix products with a softmax between them
    (Vaswani et al. 2017, section 3.2.1): oneDNN computes these up to twice as fast as PyTorch's
    fused kernel. Everything else, and what would take much memory, transformers computes.
    The parameters are those that transformers passes.
    """
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    hides_later = causal and attention_mask is None and query.shape[2] > 1
    fits = query.shape[:3].numel() * key.shape[2] <= MOST_SCORES
    extras = [more.get(name) for name in UNKNOWN]
    plain = not dropout and all(value is None or value is False for value in extras)
    is_slow = query.dtype is torch.bfloat16 and query.device.type == "cpu"
    if is_slow and fits and plain and not hides_later and not torch.is_grad_enabled():
        return _products(query, key, value, attention_mask, scaling), None
    attended: tuple[Tensor, None] = sdpa_attention_forward(
        module,
        *(query, key, value, attention_mask),
        dropout=dropout,
        scaling=scaling,
        is_causal=is_causal,
        **more,
    )
    return attended


def _products(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None
) -> Tensor:
    batch, heads, count, width = query.shape
    groups, length = key.shape[1:3]
    scaled = query * (width**-0.5 if scaling is None else scaling)
    # Heads that share keys and values become rows of one product.
    rows = scaled.reshape(batch, groups, heads // groups * count, width)
    if count == 1:  # transposing the keys of a cache would copy them
        scores = torch.matmul(key, rows.transpose(2, 3)).transpose(2, 3)
    else:
        scores = torch.matmul(rows, key.transpose(2, 3))
    scores = scores.reshape(batch, heads, count, length)
    if mask is not None and mask.dtype is torch.bool:
        scores.masked_fill_(~mask, torch.finfo(scores.dtype).min)
    elif mask is not None:
        scores.add_(mask)
    shares = scores.softmax(-1).view(batch, groups, -1, length)
    attended = torch.matmul(shares, value).view(batch, heads, count, -1)
    return attended.transpose(1, 2).contiguous()
