"""Packing the weights of a network for the processor once, instead of at each product."""

import ast
import inspect
import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import NewGELUActivation
from transformers.pytorch_utils import Conv1D

from llmcli.engines.pytorch.attention import CONTESTS, use_fastest_attention
from llmcli.engines.pytorch.linear import (
    Int8Linear,
    PackedLinear,
    is_packed_faster,
    require_quantized,
)
from llmcli.errors import ModelUnsuitable
from llmcli.system.machine import available_memory
from llmcli.system.memory import forget

LEAST = 1 << 14  # weights of a layer worth packing: a call of oneDNN takes a little longer
LINEAR = (nn.Linear, Conv1D)
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def pack(network: nn.Module) -> None:
    """Pack the large linear layers of a network, which can then only be used for inference.

    Not packed: layers whose weights the network's code reads or changes itself, what is on a GPU,
    networks that would not fit into memory twice, and dtypes that this does not make faster here.
    """
    parameters = [weight for weight in network.parameters() if weight.device.type == "cpu"]
    size = sum(weight.numel() * weight.element_size() for weight in parameters)
    if not 0 < size <= (available_memory() or 0) / 2:
        return
    dtypes = {weight.dtype for weight in parameters}
    decodes = getattr(network, "lm_head", None) is not None
    faster = [dtype for dtype in dtypes if is_packed_faster(dtype, few=decodes)]
    _replace_layers(network, PackedLinear, faster)
    if dtypes == {torch.float32}:
        _fuse_gelu(network)
    config = getattr(network, "config", None)
    if dtypes <= set(CONTESTS) and getattr(config, "_attn_implementation", None) == "sdpa":
        use_fastest_attention(torch.bfloat16 if torch.bfloat16 in dtypes else torch.float32)


def quantize(network: nn.Module) -> None:
    """Quantize the large linear layers of a float32 network to int8, for inference only.

    For processors with `has_int8_products`. Raises ModelUnsuitable if the network has no such layer
    other than those whose weights its code reads or changes itself, or a product is wrong here.
    """
    require_quantized()
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
