"""Linear layers of an encoder: plain, with packed weights, or in 8-bit integers."""

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.activations import (
    FastGELUActivation,
    GELUActivation,
    GELUTanh,
    NewGELUActivation,
)

from llmcli.engines.pytorch.encoders.parts import Activation


class Linear(Protocol):
    """x W^T + b."""

    def __call__(self, rows: Tensor) -> Tensor:
        """rows: (N, K); gives (N, M), which nobody else refers to."""


class PlainLinear:
    """The product of PyTorch's own matrix library, then the activation in place."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: Activation | None) -> None:
        self._weight, self._bias = weight, bias
        self._activate = None if activation is None else in_place(activation)

    def __call__(self, rows: Tensor) -> Tensor:
        """As `Linear`."""
        outputs = functional.linear(rows, self._weight, self._bias)  # (N, M)
        return outputs if self._activate is None else self._activate(outputs)


class PackedLinear:
    """Weights in the layout of oneDNN; bias and GELU are computed with the product."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: Activation | None) -> None:
        reorder: Any = torch.ops.mkldnn._reorder_linear_weight
        self._packed: Tensor = reorder(weight.contiguous(), None)
        self._bias = bias
        form = gelu_form(activation)
        self._after = ("none", "") if form is None else ("gelu", form)
        self._activate = None
        if activation is not None and form is None:
            self._activate = in_place(activation)

    def __call__(self, rows: Tensor) -> Tensor:
        """As `Linear`."""
        product: Any = torch.ops.mkldnn._linear_pointwise
        name, form = self._after
        outputs: Tensor = product(rows, self._packed, self._bias, name, [], form)  # (N, M)
        return outputs if self._activate is None else self._activate(outputs)


SPARE = 8
"""Bytes that PyTorch appends to a quantized row: its scale and its least value, in float32."""


class Int8Linear:
    """W in 8-bit integers with a scale for each output, x in 8 bits between the least and the
    largest value of each row, so that a row does not depend on its neighbours.

    With q the integers of a row, s its scale and m its least value, x = s q + m, and
    x W^T = s (q W^T) + m W 1. PyTorch's kernel for tables of embeddings rounds a row in one pass;
    the numbers that it appends to the row meet weights of zero.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, activation: Activation | None, largest: int
    ) -> None:
        """largest: absolute value of a weight; 63 where pairs of products are added in 16 bits."""
        rows, width = weight.shape
        self._scales = weight.abs().amax(1).clamp_(min=1e-30).div_(largest)  # (M,)
        whole = torch.zeros(rows, width + SPARE, dtype=torch.int8)
        whole[:, :width] = (weight / self._scales[:, None]).round_()
        prepack: Any = torch.ops.onednn.qlinear_prepack
        self._packed: Tensor = prepack(whole, None)
        sums = whole.sum(1, dtype=torch.float32) * self._scales  # (M,)
        self._sums = sums[None]  # (1, M)
        self._zeros = torch.zeros(rows, dtype=torch.int32)
        self._bias = torch.zeros(rows) if bias is None else bias
        self._width = width
        self._activate = None if activation is None else in_place(activation)

    def __call__(self, rows: Tensor) -> Tensor:
        """As `Linear`, in float32."""
        quantize: Any = torch.ops.quantized.embedding_bag_byte_prepack
        multiply: Any = torch.ops.onednn.qlinear_pointwise
        rounded: Tensor = quantize(rows.contiguous())  # (N, K + SPARE)
        ends = rounded.view(torch.float32)[:, self._width // 4 :]  # (N, 2)
        product: Tensor = multiply(
            *(rounded, 1.0, 0, self._packed, self._scales, self._zeros, None),
            *(1.0, 0, torch.float32, "none", [], ""),
        )  # (N, M)
        least = torch.addmm(self._bias, ends[:, 1:], self._sums)  # (N, M)
        outputs = torch.addcmul(least, product, ends[:, :1], out=product)
        return outputs if self._activate is None else self._activate(outputs)


TANH = (NewGELUActivation, GELUTanh, FastGELUActivation)
"""The tanh form of GELU, written in several ways."""


def gelu_form(activation: Activation | None) -> str | None:
    """How PyTorch calls a GELU: "none", which is exact, or "tanh"; None for other activations."""
    if isinstance(activation, nn.GELU):
        return activation.approximate
    if isinstance(activation, GELUActivation):
        return "none"
    return "tanh" if isinstance(activation, TANH) else None


def in_place(activation: Activation) -> Activation:
    """The activation; of a GELU and a ReLU, one that writes over its input."""
    form = gelu_form(activation)
    gelu: Any = torch.ops.aten.gelu_
    if form is not None:
        return lambda rows: gelu(rows, approximate=form)
    if type(activation) is nn.ReLU:
        return torch.relu_
    return activation
