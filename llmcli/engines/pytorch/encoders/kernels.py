"""The kernels that the layers of an encoder are computed with, chosen by measuring."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from llmcli.engines.pytorch.attention import CONTESTS
from llmcli.engines.pytorch.encoders.attention import KERNELS, Attend, Positions
from llmcli.engines.pytorch.encoders.layer import Layer, MakeLinear
from llmcli.engines.pytorch.encoders.linear import Int8Linear, PackedLinear, PlainLinear
from llmcli.engines.pytorch.encoders.parts import Parts, Shape
from llmcli.engines.pytorch.encoders.rows import Layout, groups_of
from llmcli.engines.pytorch.encoders.varlen import Varlen, fits, varlen_kernel
from llmcli.system.calibration import Contest, choice
from llmcli.system.machine import has_int8_products
from llmcli.system.races import Watch, race


@dataclass(frozen=True, slots=True)
class Kernels:
    """What computes linear layers and attention."""

    linear: MakeLinear
    attend: Attend
    copies: bool
    """The linear layers hold copies of the weights."""
    is_int8: bool = False
    varlen: Varlen | None = None
    """Attention within all texts of a batch at once, in place of `attend`."""
    device: str = "cpu"
    """The kind of device that they are for."""

    def takes(self, weight: Tensor) -> bool:
        """Whether a linear layer of these weights (M, K) can be computed."""
        return not self.is_int8 or (weight.dtype is torch.float32 and weight.shape[1] % 4 == 0)


SMALL_WEIGHT, WEIGHT = 63, 127
"""Largest absolute values of int8 weights. Without VNNI, an x86 processor adds pairs of products
with activations of up to 255 in 16 bits, where 2 x 255 x 63 fits and 2 x 255 x 127 overflows."""


def kernels_for(dtype: torch.dtype, *, is_int8: bool = False) -> Kernels:
    """The kernels for weights of a dtype on this machine."""
    attend = KERNELS[choice(CONTESTS[dtype][0])]
    if is_int8:
        largest = WEIGHT if has_int8_products() else SMALL_WEIGHT
        return Kernels(partial(Int8Linear, largest=largest), attend, copies=True, is_int8=True)
    if packs(dtype) and choice(LINEAR[dtype]) == "packed":
        return Kernels(PackedLinear, attend, copies=True)
    return Kernels(PlainLinear, attend, copies=False)


def gpu_kernels(dtype: torch.dtype, head_width: int) -> Kernels | None:
    """The kernels for an NVIDIA GPU; None if attention without padding does not take this."""
    varlen = varlen_kernel()
    if varlen is None or not fits(dtype, head_width):
        return None
    return Kernels(PlainLinear, KERNELS["sdpa"], copies=False, varlen=varlen, device="cuda")


def packs(dtype: torch.dtype) -> bool:
    """Whether oneDNN packs weights of a dtype on this processor."""
    available: Any = torch.backends.mkldnn.is_available
    if not available() or platform.machine() not in ("x86_64", "AMD64"):
        return False
    has_bfloat16: Any = torch.ops.mkldnn._is_mkldnn_bf16_supported
    return dtype is torch.float32 or bool(has_bfloat16())


def _measure(dtype: torch.dtype, watch: Watch) -> Mapping[str, float]:
    """Time the first half of a feed-forward network of MiniLM's shape, with its GELU."""
    drawn = torch.Generator().manual_seed(0)
    weight, rows = (
        torch.randn(*shape, generator=drawn) / 20 for shape in ((1536, 384), (256, 384))
    )
    with torch.inference_mode():
        layers = {
            name: make(weight.to(dtype), torch.zeros(1536, dtype=dtype), nn.GELU())
            for name, make in (("plain", PlainLinear), ("packed", PackedLinear))
        }
        inputs = rows.to(dtype)
        works = {name: partial(layer, inputs) for name, layer in layers.items()}
        return race(works, watch, _are_close)


def _are_close(expected: Any, result: Any) -> bool:
    return torch.allclose(expected.float(), result.float(), rtol=0, atol=0.01)


LINEAR = {
    dtype: Contest(
        f"linear layers of encoders, {name}",
        default,
        ("plain", "packed"),
        partial(_measure, dtype),
    )
    for dtype, name, default in (
        (torch.float32, "float32", "plain"),
        (torch.bfloat16, "bfloat16", "packed"),
    )
}
"""By dtype: PyTorch's own products, or packed weights with GELU in the product."""


def random_layer(
    width: int, heads: int, wider: int, dtype: torch.dtype, *, is_int8: bool
) -> Callable[[Tensor, list[int]], Tensor]:
    """A layer like BERT's with random weights, for timing: from rows (N, D) and the texts' lengths
    to rows (N, D)."""

    def linear(rows: int, columns: int) -> nn.Linear:
        return nn.Linear(columns, rows).to(dtype)

    parts = Parts(
        queries=(linear(3 * width, width),),
        out=linear(width, width),
        up=linear(wider, width),
        down=linear(width, wider),
        attention_norm=nn.LayerNorm(width, dtype=dtype),
        feed_norm=nn.LayerNorm(width, dtype=dtype),
        activation=nn.GELU(),
    )
    kernels = kernels_for(dtype, is_int8=is_int8)
    layer = Layer(parts, Shape(heads), kernels, is_last=False)

    def compute(rows: Tensor, lengths: list[int]) -> Tensor:
        ends = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32)
        layout = Layout(groups_of(lengths), None, len(lengths), lengths[0], ends)
        return layer(rows, layout, Positions(), None)

    return compute
