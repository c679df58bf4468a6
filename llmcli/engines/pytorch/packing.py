"""Weights laid out for the processor once, instead of at each product."""

import ast
import inspect
import platform
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import NewGELUActivation
from transformers.pytorch_utils import Conv1D

from llmcli.engines.pytorch.attention import use_matrix_products
from llmcli.errors import ModelUnsuitable
from llmcli.system.machine import available_memory
from llmcli.system.memory import forget

LEAST = 1 << 14  # weights of a layer that is worth it: a call of oneDNN's takes a little longer
LINEAR = (nn.Linear, Conv1D)
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
ZERO = 128  # the unsigned number that stands for 0
LEAST_MAXIMUM = 1e-30  # so that a row of zeros has a scale, too


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


class Int8Linear(nn.Module):
    """x W^T + b on a CPU, without gradients, multiplied in 8-bit integers.

    W (N, K) is rounded once, each output with a scale of its own; x at each product, each row
    with its own, so that a row does not depend on its neighbours (Dettmers et al. 2022, section
    3.1, without the outliers).
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.bias = bias
        self._scales = _scales(weight)[:, 0]  # (N,)
        rounded = (weight / self._scales[:, None]).round_().to(torch.int8)
        prepack: Any = torch.ops.onednn.qlinear_prepack
        self._packed: Tensor = prepack(rounded, None)
        self._zeros = torch.zeros(self.out_features, dtype=torch.int32)

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs: (..., K) in float32; gives (..., N)."""
        rows = inputs.reshape(-1, self.in_features)
        scales = _scales(rows)  # (B, 1)
        # oneDNN is fast where the left side is unsigned: 128 stands for 0. What is added and cut
        # off rounds.
        rounded = (rows / scales).add_(ZERO + 0.5).to(torch.uint8)
        multiply: Any = torch.ops.onednn.qlinear_pointwise
        product: Tensor = multiply(
            *(rounded, 1.0, ZERO, self._packed, self._scales, self._zeros, None),
            *(1.0, 0, torch.float32, "none", [], ""),
        )
        if self.bias is None:
            product.mul_(scales)
        else:
            torch.addcmul(self.bias, product, scales, out=product)
        return product.view(*inputs.shape[:-1], self.out_features)


def _scales(rows: Tensor) -> Tensor:
    """What 1 stands for in each of rows (B, K) when its greatest is 127: (B, 1)."""
    return rows.abs().amax(1, keepdim=True).clamp_(min=LEAST_MAXIMUM).div_(127)


def pack(model: nn.Module) -> None:
    """Pack the large linear layers of a model, which from now on can only compute.

    Leaves alone layers whose weights the model's code reads or changes itself, what lies on a
    GPU, models that would not fit into memory twice, and all models on other processors than x86.
    """
    dtypes = _dtypes()
    own = [one for one in model.parameters() if one.device.type == "cpu"]
    held = sum(one.numel() * one.element_size() for one in own)
    if not dtypes or not 0 < held <= (available_memory() or 0) / 2:
        return
    _replace_layers(model, PackedLinear, dtypes)
    if all(one.dtype == torch.float32 for one in own):
        _fuse_gelu(model)
    elif torch.bfloat16 in dtypes:
        use_matrix_products()


def round_to_int8(model: nn.Module) -> None:
    """Round the large linear layers of a float32 model, which from now on can only compute.

    For processors with `has_int8_products`. Raises ModelUnsuitable if the model has no such layer
    but those whose weights its code reads or changes itself.
    """
    if not _replace_layers(model, Int8Linear, [torch.float32]):
        raise ModelUnsuitable("this model has no layers that --dtype int8 is for")
    _fuse_gelu(model)


def _replace_layers(
    model: nn.Module, new: "type[PackedLinear | Int8Linear]", dtypes: Sequence[torch.dtype]
) -> int:
    """Replace the large linear layers of these dtypes; say how many they are."""
    read = set(_read_weights(model))
    done, forgotten = 0, True
    # Only parents are listed, so that each layer is let go as soon as it is packed.
    for parent in [one for one in model.modules() if type(one) not in LINEAR]:
        if type(parent).__module__.startswith("torch.") and not isinstance(parent, CONTAINERS):
            continue  # whose code reads weights as it likes
        for name, child in list(parent.named_children()):
            if type(child) in LINEAR and name not in read and _gains(child, dtypes):
                layer: Any = child
                setattr(parent, name, _packed(layer, new))
                forgotten &= forget(layer.weight.data_ptr(), layer.weight.nbytes)
                done += 1
    if done and not forgotten:  # what is left would keep the whole file of weights in memory
        for rest in chain(model.parameters(), model.buffers()):
            rest.data = rest.data.clone()
    return done


def _fuse_gelu(model: nn.Module) -> None:
    """Compute the tanh form of GELU in one pass; transformers, for some models, takes eight."""
    for parent in model.modules():
        for name, child in parent.named_children():
            if type(child) is NewGELUActivation:
                setattr(parent, name, nn.GELU(approximate="tanh"))


def _dtypes() -> list[torch.dtype]:
    """Those that oneDNN packs on this processor."""
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not has_onednn or platform.machine() not in ("x86_64", "AMD64"):
        return []
    has_bfloat16: Any = torch.ops.mkldnn._is_mkldnn_bf16_supported
    return [torch.float32, torch.bfloat16] if has_bfloat16() else [torch.float32]


def _packed(layer: Any, new: "type[PackedLinear | Int8Linear]") -> nn.Module:
    weight, bias = layer.weight.detach(), layer.bias
    if type(layer) is Conv1D:  # which keeps its weights as (K, N)
        weight = weight.T.contiguous()
    return new(weight, None if bias is None else bias.detach().clone())


def _gains(layer: Any, dtypes: Sequence[torch.dtype]) -> bool:
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
