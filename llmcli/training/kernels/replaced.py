"""A model that computes attention or dropout on a CPU gets the faster functions of this folder."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from llmcli.training.kernels.attention import attention
from llmcli.training.kernels.dropout import dropout, rounded
from llmcli.training.kernels.segments import SegmentMask, segment_attention

FLOATS = (torch.float32, torch.bfloat16)


class FasterFunctions(TorchFunctionMode):
    """While it is entered, PyTorch's dropout and attention are those of this folder.

    Whatever these cannot do, PyTorch computes: other devices, probabilities and masks.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called for each function of PyTorch."""
        named = kwargs or {}
        replaced: Tensor | None = None
        if func is functional.dropout:
            replaced = _dropout(*args, **named)
        elif func is functional.scaled_dot_product_attention:
            replaced = _attention(*args, **named)
        return func(*args, **named) if replaced is None else replaced


def faster_functions(device: torch.device) -> AbstractContextManager[Any]:
    """A context in which a model computes on a device: that of a CPU replaces functions."""
    return FasterFunctions() if device.type == "cpu" else nullcontext()


def _fits(tensor: Tensor, probability: float) -> bool:
    """True for what is computed on a CPU, with a probability that is not rounded to 0 or 1."""
    is_known = tensor.device.type == "cpu" and tensor.dtype in FLOATS
    return is_known and 0 < rounded(probability) < 1


def _dropout(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor | None:
    """None where PyTorch is to compute it. The parameters are those of PyTorch."""
    if not training or inplace or not _fits(input, p):
        return None
    return dropout(input, p)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor | None:
    """None where PyTorch is to compute it. The parameters are those of PyTorch."""
    if isinstance(attn_mask, SegmentMask):
        if not dropout_p and query.dim() == 4 and query.shape[:3] == key.shape[:3]:
            return segment_attention(query, key, value, attn_mask.sizes, scale)
        attn_mask = attn_mask.as_subclass(Tensor)
    if not _fits(query, dropout_p) or query.dim() != 4 or query.shape[1] != key.shape[1]:
        return None
    if key.dtype != query.dtype or value.dtype != query.dtype:
        return None
    if attn_mask is not None and (attn_mask.dtype is not torch.bool or attn_mask.dim() != 4):
        return None
    if is_causal:
        attn_mask = torch.ones(1, 1, query.shape[2], key.shape[2], dtype=torch.bool).tril()
    width = float(query.shape[3])
    return attention(query, key, value, attn_mask, dropout_p, scale or width**-0.5)
