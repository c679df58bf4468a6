"""Texts that share a row and do not see one another: masks, positions and attention for them."""

import inspect
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from llmcli.decoding.text_config import text_setting

MOST_TRIED = 64  # tokens that `keeps_apart` tries a model with


class SegmentMask(Tensor):
    """A mask (B, 1, T, T), true where a query sees a key, that knows its segments.

    What is computed with it is a plain tensor.
    """

    sizes: list[list[int]]
    """Tokens of the segments of each row, in order."""
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]


def segment_inputs(ids: Tensor, end: int) -> dict[str, Tensor]:
    """The inputs that keep the texts of rows apart: `position_ids` (B, T) and `attention_mask`.

    ids: (B, T). end: the id of the token that ends a text. It begins the next segment, of which it
    predicts the first token, as it begins a text in generation. Empty, so that the model's own way
    is taken, where each row is known to be one segment: on a GPU, to look would wait for it.
    """
    starts = ids.eq(end)  # (B, T)
    starts[:, 0] = False
    on_cpu = ids.device.type == "cpu"
    if on_cpu and not starts.any():
        return {}
    order = torch.arange(ids.shape[1], device=ids.device)
    positions = order - torch.where(starts, order, 0).cummax(1).values  # (B, T)
    numbers = starts.cumsum(1)
    is_same = numbers[:, :, None] == numbers[:, None, :]  # (B, T, T)
    mask = (is_same & (order[:, None] >= order))[:, None]  # (B, 1, T, T)
    if on_cpu:
        mask = mask.as_subclass(SegmentMask)
        mask.sizes = [torch.bincount(row).tolist() for row in numbers]
    return {"position_ids": positions, "attention_mask": mask}


def segment_attention(
    query: Tensor, key: Tensor, value: Tensor, sizes: list[list[int]], scale: float | None
) -> Tensor:
    """Causal attention (B, H, T, D) of each segment by itself, by PyTorch's fused kernel.

    query, key, value: (B, H, T, D). With the mask, the kernel would compute all scores of a row.
    """
    attend = functional.scaled_dot_product_attention
    rows = []
    for own, *tensors in zip(sizes, *(torch.split(x, 1) for x in (query, key, value)), strict=True):
        attended = [
            attend(q, k, v, is_causal=True, scale=scale)  # (1, H, t, D)
            for q, k, v in zip(*(torch.split(x, own, 2) for x in tensors), strict=True)
        ]
        rows.append(torch.cat(attended, 2))
    return torch.cat(rows)


def keeps_apart(network: Any, row: Tensor, end: int) -> bool:
    """True for a model whose scores of a text do not depend on one before it in the row.

    row: (1, T), real ids, some of which it is tried with. end: the token that ends a text. Models
    with a state, with positions of their own or with attention to fewer tokens than a row do not.
    """
    window = text_setting(network.config, "sliding_window")
    takes_positions = "position_ids" in inspect.signature(network.forward).parameters
    if not takes_positions or (window and window < row.shape[1]) or row.shape[1] < 2:
        return False
    half = min(row.shape[1], MOST_TRIED) // 2
    ids = row[:, : 2 * half].masked_fill(row[:, : 2 * half] == end, end - 1 if end else 1)
    ids[:, half] = end
    with torch.no_grad():
        together = network(input_ids=ids, **segment_inputs(ids, end), use_cache=False).logits
        apart = [
            network(input_ids=each, use_cache=False).logits for each in torch.split(ids, half, 1)
        ]
    return torch.allclose(together, torch.cat(apart, 1), 1e-3, 1e-3)
