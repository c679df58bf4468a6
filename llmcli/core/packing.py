"""Weights laid out for the processor once, instead of at each product."""

import platform
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

LEAST = 1 << 14  # weights of a layer that is worth it: a call of oneDNN's takes a little longer
DTYPES = (torch.float32, torch.bfloat16)
LINEAR = (nn.Linear, Conv1D)


class PackedLinear(nn.Module):
    """x W^T + b on a CPU, without gradients, with W (N, K) in the blocked layout of oneDNN.

    Plain weights are copied into such a layout, or read badly, at each product. Where few rows
    are multiplied, as in decoding, that takes longer than the product.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.bias = bias
        reorder: Any = torch.ops.mkldnn._reorder_linear_weight
        self._packed: Tensor = reorder(weight, None)

    @cached_property
    def weight(self) -> Tensor:
        """The weights as they were, for a model that does not call this layer but reads it."""
        return self._packed.to_dense()

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs: (..., K); gives (..., N)."""
        product: Any = torch.ops.mkldnn._linear_pointwise
        found: Tensor = product(inputs.contiguous(), self._packed, self.bias, "none", [], "")
        return found


def pack(model: nn.Module) -> None:
    """Pack the large linear layers of a model, which from now on can only compute.

    Leaves alone what lies on a GPU, and all models on other processors than x86.
    """
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not has_onednn or platform.machine() not in ("x86_64", "AMD64"):
        return
    # Only parents are listed, so that each layer is let go as soon as it is packed.
    parents = [one for one in model.modules() if type(one) not in LINEAR]
    done = 0
    for parent in parents:
        for name, child in list(parent.named_children()):
            if type(child) in LINEAR and _gains(child):
                setattr(parent, name, _packed(child))
                done += 1
    if done:  # what is left as it was would keep the whole file of weights in memory
        for rest in chain(model.parameters(), model.buffers()):
            rest.data = rest.data.clone()


def _packed(layer: Any) -> PackedLinear:
    weight, bias = layer.weight.detach(), layer.bias
    if type(layer) is Conv1D:  # which keeps its weights as (K, N)
        weight = weight.T.contiguous()
    return PackedLinear(weight, None if bias is None else bias.detach().clone())


def _gains(layer: Any) -> bool:
    weight: Tensor = layer.weight
    return weight.device.type == "cpu" and weight.dtype in DTYPES and weight.numel() >= LEAST
