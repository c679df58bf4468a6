"""Linear layers whose weights are packed for the processor once, instead of at each product."""

import ast
import inspect
import math
import platform
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import NewGELUActivation
from transformers.pytorch_utils import Conv1D

from llmcli.engines.pytorch.attention import use_fastest_attention
from llmcli.errors import ModelUnsuitable
from llmcli.system.machine import available_memory
from llmcli.system.memory import forget

LEAST = 1 << 14  # weights of a layer worth packing: a call of oneDNN takes a little longer
LINEAR = (nn.Linear, Conv1D)
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
ZERO = 128  # the unsigned integer that represents 0
LEAST_MAXIMUM = 1e-30  # so that a row of zeros has a scale


class PackedLinear(nn.Module):
    """x W^T + b on a CPU, without gradients, with W (N, K) in the blocked layout of oneDNN.

    Plain weights are copied into such a layout, or read inefficiently, at each product. With few
    rows, as in decoding, that takes longer than the product.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.bias = bias
        reorder: Any = torch.ops.mkldnn._reorder_linear_weight
        self._packed: Tensor = reorder(weight, None)

    @property
    def weight(self) -> Tensor:
        """A copy of the weights (N, K) as they were."""
        return self._packed.to_dense()

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs: (..., K); gives (..., N)."""
        product: Any = torch.ops.mkldnn._linear_pointwise
        outputs: Tensor = product(inputs.contiguous(), self._packed, self.bias, "none", [], "")
        return outputs


class Int8Linear(nn.Module):
    """x W^T + b on a CPU, without gradients, multiplied in 8-bit integers.

    W (N, K) is quantized once, with a scale for each output; x at each product, with a scale for
    each row, so that a row does not depend on its neighbours (Dettmers et al. 2022, section
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
        # oneDNN is fast if the left side is unsigned: 128 represents 0. Adding 0.5 rounds.
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
    """Quantization scales (B, 1) of rows (B, K): the largest absolute value becomes 127."""
    return rows.abs().amax(1, keepdim=True).clamp_(min=LEAST_MAXIMUM).div_(127)


def pack(network: nn.Module) -> None:
    """Pack the large linear layers of a network, which can then only be used for inference.

    Not packed: layers whose weights the network's code reads or changes itself, what is on a GPU,
    networks that would not fit into memory twice, and anything on processors other than x86.
    """
    dtypes = _packable_dtypes()
    parameters = [weight for weight in network.parameters() if weight.device.type == "cpu"]
    size = sum(weight.numel() * weight.element_size() for weight in parameters)
    if not dtypes or not 0 < size <= (available_memory() or 0) / 2:
        return
    _replace_layers(network, PackedLinear, dtypes)
    kept = {weight.dtype for weight in parameters}
    if kept == {torch.float32}:
        _fuse_gelu(network)
    config = getattr(network, "config", None)
    if kept <= set(dtypes) and getattr(config, "_attn_implementation", None) == "sdpa":
        use_fastest_attention(torch.bfloat16 if torch.bfloat16 in kept else torch.float32)


def quantize(network: nn.Module) -> None:
    """Quantize the large linear layers of a float32 network to int8, for inference only.

    For processors with `has_int8_products`. Raises ModelUnsuitable if the network has no such layer
    other than those whose weights its code reads or changes itself.
    """
    if not _replace_layers(network, Int8Linear, [torch.float32]):
        raise ModelUnsuitable("this model has no layers that `dtype`=int8 could quantize")
    _fuse_gelu(network)


def is_quantized(network: nn.Module) -> bool:
    """True if `quantize` has replaced layers of a network."""
    return any(type(module) is Int8Linear for module in network.modules())


def _replace_layers(
    network: nn.Module, new: "type[PackedLinear | Int8Linear]", dtypes: Sequence[torch.dtype]
) -> int:
    """Replace the large linear layers of these dtypes; return their number."""
    excluded = set(_read_weights(network))
    replaced, released = 0, True
    # The list holds parents only, so that each layer is freed as soon as it is packed.
    for parent in [module for module in network.modules() if type(module) not in LINEAR]:
        if type(parent).__module__.startswith("torch.") and not isinstance(parent, CONTAINERS):
            continue  # its code may read the weights of its layers
        for name, child in list(parent.named_children()):
            if type(child) in LINEAR and name not in excluded and _is_worth_it(child, dtypes):
                layer: Any = child
                setattr(parent, name, _packed(layer, new))
                released &= forget(layer.weight.data_ptr(), layer.weight.nbytes)
                replaced += 1
    if replaced and not released:  # the others would keep the whole file of weights in memory
        for rest in chain(network.parameters(), network.buffers()):
            rest.data = rest.data.clone()
    return replaced


def _fuse_gelu(network: nn.Module) -> None:
    """Compute the tanh form of GELU in four passes; for some models, transformers takes eight."""
    for parent in network.modules():
        for name, child in parent.named_children():
            if type(child) is NewGELUActivation:
                setattr(parent, name, SigmoidGelu())


class SigmoidGelu(nn.Module):
    """The tanh form of GELU on a CPU, as x sigmoid(2 u), which takes half as long.

    (1 + tanh u) / 2 = sigmoid(2 u), with u = sqrt(2 / pi) (x + 0.044715 x^3).
    """

    def __init__(self) -> None:
        super().__init__()
        self._first = torch.tensor(2 * math.sqrt(2 / math.pi))
        self._third = 0.044715 * self._first.item()

    def forward(self, inputs: Tensor) -> Tensor:
        """inputs: of any shape."""
        square = torch.addcmul(self._first, inputs, inputs, value=self._third)
        return square.mul_(inputs).sigmoid_().mul_(inputs)


def _packable_dtypes() -> list[torch.dtype]:
    """The dtypes whose weights oneDNN packs on this processor."""
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not has_onednn or platform.machine() not in ("x86_64", "AMD64"):
        return []
    has_bfloat16: Any = torch.ops.mkldnn._is_mkldnn_bf16_supported
    return [torch.float32, torch.bfloat16] if has_bfloat16() else [torch.float32]


def _packed(layer: Any, new: "type[PackedLinear | Int8Linear]") -> nn.Module:
    weight, bias = layer.weight.detach(), layer.bias
    if type(layer) is Conv1D:  # stores its weights as (K, N)
        weight = weight.T.contiguous()
    return new(weight, None if bias is None else bias.detach().clone())


def _is_worth_it(layer: Any, dtypes: Sequence[torch.dtype]) -> bool:
    weight: Tensor = layer.weight
    return weight.device.type == "cpu" and weight.dtype in dtypes and weight.numel() >= LEAST


def _read_weights(network: nn.Module) -> Iterator[str]:
    """Names of layers whose `.weight` occurs in the source code of a network's classes.

    RWKV divides weights by powers of two before it computes, Mamba multiplies by some itself, T5
    looks at a dtype. Code that only initializes weights does not count.
    """
    classes = {type(module) for module in network.modules()}
    by_module = {network_class.__module__: network_class for network_class in classes}
    for name, network_class in by_module.items():
        if name.startswith("torch."):
            continue
        module = inspect.getmodule(network_class)
        try:
            tree = ast.parse(inspect.getsource(module)) if module is not None else None
        except (OSError, TypeError):  # there is no source
            tree = None
        if tree is not None:
            yield from _names_with_weight(tree)


def _names_with_weight(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef) and node.name == "_init_weights":
        return
    if isinstance(node, ast.Attribute) and node.attr == "weight":
        value = node.value
        if isinstance(value, ast.Attribute):
            yield value.attr
        elif isinstance(value, ast.Name):
            yield value.id
    for child in ast.iter_child_nodes(node):
        yield from _names_with_weight(child)
