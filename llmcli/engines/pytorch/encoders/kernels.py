"""The kernels that the layers of an encoder are computed with, chosen by measuring."""

import platform
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from llmcli.engines.pytorch.encoders.attention import KERNELS, Attend
from llmcli.engines.pytorch.encoders.layer import MakeLinear
from llmcli.engines.pytorch.encoders.linear import Int8Linear, PackedLinear, PlainLinear
from llmcli.system.machine import has_int8_products


@dataclass(frozen=True, slots=True)
class Kernels:
    """What computes linear layers and attention."""

    linear: MakeLinear
    attend: Attend
    copies: bool
    """The linear layers hold copies of the weights."""
    is_int8: bool = False

    def takes(self, weight: Tensor) -> bool:
        """Whether a linear layer of these weights (M, K) can be computed."""
        return not self.is_int8 or (weight.dtype is torch.float32 and weight.shape[1] % 4 == 0)


SMALL_WEIGHT, WEIGHT = 63, 127
"""Largest absolute values of int8 weights. Without VNNI, an x86 processor adds pairs of products
with activations of up to 255 in 16 bits, where 2 x 255 x 63 fits and 2 x 255 x 127 overflows."""


def kernels_for(dtype: torch.dtype, *, is_int8: bool = False) -> Kernels:
    """The kernels for weights of a dtype on this machine."""
    attend = KERNELS["sdpa"]
    if is_int8:
        largest = WEIGHT if has_int8_products() else SMALL_WEIGHT
        return Kernels(partial(Int8Linear, largest=largest), attend, copies=True, is_int8=True)
    if has_onednn() and dtype is torch.bfloat16:
        return Kernels(PackedLinear, attend, copies=True)
    return Kernels(PlainLinear, attend, copies=False)


def has_onednn() -> bool:
    """Whether oneDNN packs weights on this processor."""
    available: Any = torch.backends.mkldnn.is_available
    return bool(available()) and platform.machine() in ("x86_64", "AMD64")
