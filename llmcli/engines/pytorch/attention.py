"""Attention on a CPU by what is fastest here: PyTorch's own kernel, or matrix products."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from llmcli.decoding.ragged_cache import NOW
from llmcli.system.calibration import Contest, choice
from llmcli.system.machine import describe
from llmcli.system.races import Watch, race

MOST_SCORES = 1 << 25  # numbers, 64 MB
CHUNK = 1 << 20  # scores that are computed at a time: they stay in a core's cache
UNKNOWN = ("position_bias", "softcap", "s_aux", "output_attentions")
"""Arguments of some models that change the scores, or ask for them."""


def use_fastest_attention(dtype: torch.dtype) -> None:
    """Decide how attention is computed on a CPU in this dtype.

    `attend` becomes the function of all models of transformers whose attention is "sdpa", unless
    that is the fastest.
    """
    if any([choice(contest) != "sdpa" for contest in CONTESTS[dtype]]):
        AttentionInterface.register("sdpa", attend)


def use_ragged_attention() -> None:
    """Let models of transformers whose attention is "sdpa" read texts of several lengths."""
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

    On a CPU, without gradients, CONTESTS choose the way; everything else, and what would take much
    memory, transformers computes. The parameters are those that transformers passes.
    """
    now = NOW.get()
    if now is not None:
        how = {"dropout": dropout, "scaling": scaling, "is_causal": is_causal, **more}
        return now.attend(
            lambda *inputs: attend(module, *inputs, **how)[0], query, key, value
        ), None
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    hides_later = causal and attention_mask is None and query.shape[2] > 1
    extras = [more.get(name) for name in UNKNOWN]
    plain = not dropout and all(value is None or value is False for value in extras)
    if plain and not hides_later and not torch.is_grad_enabled():
        way = _way(query, key)
        if way != "sdpa":
            compute = products if way == "products" else chunks
            return compute(query, key, value, attention_mask, scaling), None
    attended: tuple[Tensor, None] = sdpa_attention_forward(
        module,
        *(query, key, value, attention_mask),
        dropout=dropout,
        scaling=scaling,
        is_causal=is_causal,
        **more,
    )
    return attended


def _way(query: Tensor, key: Tensor) -> str:
    if query.device.type != "cpu" or query.dtype not in CONTESTS:
        return "sdpa"
    way = choice(CONTESTS[query.dtype][query.shape[2] == 1])
    fits = query.shape[:3].numel() * key.shape[2] <= MOST_SCORES
    return way if fits or way == "chunks" else "sdpa"


def products(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None
) -> Tensor:
    """Two matrix products with a softmax between them (Vaswani et al. 2017, section 3.2.1).

    The shapes are those of `attend`.
    """
    return _products(query, key, value, mask, scaling).transpose(1, 2).contiguous()


def chunks(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None
) -> Tensor:
    """The same for a few rows or heads at a time, whose scores stay in the processor's cache."""
    batch, heads, count, width = query.shape
    groups, length = key.shape[1:3]
    attended = query.new_empty(batch, count, heads, value.shape[3])  # (B, T, H, D)
    rows = max(1, CHUNK // (heads * count * length))
    shared = heads // groups
    some = groups if rows > 1 else min(groups, max(1, CHUNK // (shared * count * length)))
    for row in range(0, batch, rows):
        here = slice(row, row + rows)
        seen = mask if mask is None or mask.shape[0] == 1 else mask[here]
        for group in range(0, groups, some):
            those = slice(group, group + some)
            own = slice(group * shared, (group + some) * shared)
            part = seen if seen is None or seen.shape[1] == 1 else seen[:, own]
            result = _products(
                query[here, own], key[here, those], value[here, those], part, scaling
            )
            attended[here, :, own].copy_(result.transpose(1, 2))
    return attended


def _products(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None
) -> Tensor:
    """As `attend`, but (B, H, T, D)."""
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
    return torch.matmul(shares, value).view(batch, heads, count, -1)


def _default() -> str:
    """Where nothing is measured.

    Matrix products win with AVX-512 BF16 alone: PyTorch's kernel uses AMX, and without either of
    them oneDNN multiplies in bfloat16 one number at a time.
    """
    instructions = describe().instructions
    return "chunks" if "avx512_bf16" in instructions and "amx_bf16" not in instructions else "sdpa"


def _measure(
    shape: tuple[int, int, int, int], length: int, dtype: torch.dtype, watch: Watch
) -> Mapping[str, float]:
    """Time the ways with queries of a shape (B, H, T, D), and keys and values of this length."""
    batch, heads, count, width = shape
    drawn = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(batch, size, heads, width, generator=drawn).to(dtype).transpose(1, 2)
        for size in (count, length, length)
    )
    mask = torch.ones(batch, 1, count, length, dtype=torch.bool)
    mask[0, ..., length - length // 8 :] = False  # padding

    def sdpa() -> Tensor:
        attended = nn.functional.scaled_dot_product_attention(query, key, value, mask)
        return attended.transpose(1, 2).contiguous()

    ways = {
        "sdpa": sdpa,
        "products": lambda: products(query, key, value, mask, None),
        "chunks": lambda: chunks(query, key, value, mask, None),
    }
    if count == 1:
        del ways["chunks"]
    with torch.inference_mode():
        return race(ways, watch, _are_close)


def _are_close(expected: Any, result: Any) -> bool:
    atol = 0.05 if expected.dtype is torch.bfloat16 else 1e-4
    return torch.allclose(expected, result, rtol=0, atol=atol)


def _contests(name: str, default: str | Callable[[], str]) -> tuple[Contest, Contest]:
    """Of many tokens, and of one beside those in a cache, in a dtype."""
    dtype = getattr(torch, name)
    many = Contest(
        f"attention, {name}",
        default,
        ("sdpa", "products", "chunks"),
        lambda watch: _measure((4, 12, 256, 32), 256, dtype, watch),
    )
    one = Contest(
        f"attention of one token, {name}",
        "products" if name == "bfloat16" else "sdpa",
        ("sdpa", "products"),
        lambda watch: _measure((8, 12, 1, 64), 256, dtype, watch),
    )
    return many, one


CONTESTS = {
    torch.bfloat16: _contests("bfloat16", _default),
    torch.float32: _contests("float32", "sdpa"),
}
"""How attention is computed for many tokens at once, and for one, by dtype."""
