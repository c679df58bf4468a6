"""Weights laid out for the processor once, instead of at each product."""

import ast
import inspect
import platform
from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from llmcli.core.machine import available_memory

LEAST = 1 << 14  # weights of a layer that is worth it: a call of oneDNN's takes a little longer
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

    @property
    def weight(self) -> Tensor:
        """A copy of the weights as they were."""
        return self._packed.to_dense()

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs: (..., K); gives (..., N)."""
        product: Any = torch.ops.mkldnn._linear_pointwise
        found: Tensor = product(inputs.contiguous(), self._packed, self.bias, "none", [], "")
        return found


def pack(model: nn.Module) -> None:
    """Pack the large linear layers of a model, which from now on can only compute.

    Leaves alone layers whose weights the model's code reads or changes itself, what lies on a
    GPU, models that would not fit into memory twice, and all models on other processors than x86.
    """
    dtypes = _dtypes()
    own = (one for one in model.parameters() if one.device.type == "cpu")
    held = sum(one.numel() * one.element_size() for one in own)
    if not dtypes or not 0 < held <= (available_memory() or 0) / 2:
        return
    read = set(_read_weights(model))
    # Only parents are listed, so that each layer is let go as soon as it is packed.
    parents = [one for one in model.modules() if type(one) not in LINEAR]
    done = 0
    for parent in parents:
        for name, child in list(parent.named_children()):
            if type(child) in LINEAR and name not in read and _gains(child, dtypes):
                setattr(parent, name, _packed(child))
                done += 1
    if done:  # what is left as it was would keep the whole file of weights in memory
        for rest in chain(model.parameters(), model.buffers()):
            rest.data = rest.data.clone()


def _dtypes() -> list[torch.dtype]:
    """Those that oneDNN packs on this processor."""
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not has_onednn or platform.machine() not in ("x86_64", "AMD64"):
        return []
    has_bfloat16: Any = torch.ops.mkldnn._is_mkldnn_bf16_supported
    return [torch.float32, torch.bfloat16] if has_bfloat16() else [torch.float32]


def _packed(layer: Any) -> PackedLinear:
    weight, bias = layer.weight.detach(), layer.bias
    if type(layer) is Conv1D:  # which keeps its weights as (K, N)
        weight = weight.T.contiguous()
    return PackedLinear(weight, None if bias is None else bias.detach().clone())


def _gains(layer: Any, dtypes: list[torch.dtype]) -> bool:
    weight: Tensor = layer.weight
    return weight.device.type == "cpu" and weight.dtype in dtypes and weight.numel() >= LEAST


def _read_weights(model: nn.Module) -> Iterator[str]:
    """Names of layers whose `.weight` the code of a model's classes mentions.

    RWKV divides weights by powers of two before it computes, Mamba multiplies by some itself, T5
    looks at a dtype. How a model is initialized does not count.
    """
    classes = {type(one) for one in model.modules()}
    files = {one.__module__: one for one in classes if not one.__module__.startswith("torch.")}
    for one in files.values():
        module = inspect.getmodule(one)
        try:
            tree = ast.parse(inspect.getsource(module)) if module is not None else None
        except (OSError, TypeError):  # there is no source
            tree = None
        if tree is not None:
            yield from _mentioned(tree)


def _mentioned(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef) and node.name == "_init_weights":
        return
    if isinstance(node, ast.Attribute) and node.attr == "weight":
        value = node.value
        if isinstance(value, ast.Attribute):
            yield value.attr
        elif isinstance(value, ast.Name):
            yield value.id
    for child in ast.iter_child_nodes(node):
        yield from _mentioned(child)
