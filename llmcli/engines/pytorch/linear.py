"""Linear layers for inference on a CPU, with weights as one of oneDNN's operators reads them."""

import platform
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from llmcli.engines.pytorch.tried import tried
from llmcli.errors import ModelUnsuitable
from llmcli.system.calibration import Contest, choice
from llmcli.system.races import Watch, race

ZERO = 128  # the unsigned integer that represents 0
LEAST_MAXIMUM = 1e-30  # so that a row of zeros has a scale
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 0.02, torch.int8: 0.03}
"""Of a product, as a share of its largest number, by the dtype that is multiplied."""


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


def is_packed_faster(dtype: torch.dtype, *, few: bool) -> bool:
    """True if PackedLinear works here in this dtype, and is faster than the plain way.

    few: a layer computes few tokens at a time, as in decoding.
    """
    return dtype in CONTESTS and choice(CONTESTS[dtype][few]) == "packed"


def packs(dtype: torch.dtype) -> bool:
    """True if PackedLinear computes here what the plain way computes."""
    weight, bias, rows = _case(48, 64, 6, dtype)
    return tried(
        f"mkldnn._linear_pointwise, {dtype}",
        lambda: PackedLinear(weight, bias)(rows),
        lambda: linear(rows, weight, bias),
        TOLERANCE[dtype],
    )


def require_quantized() -> None:
    """Raise ModelUnsuitable unless Int8Linear computes here what the plain way computes."""
    weight, bias, rows = _case(48, 64, 6, torch.float32)
    weight[0], rows[0] = 1, 1  # sums that are too large for 16 bits
    if not tried(
        "onednn.qlinear_pointwise",
        lambda: Int8Linear(weight, bias)(rows),
        lambda: linear(rows, weight, bias),
        TOLERANCE[torch.int8],
    ):
        raise ModelUnsuitable(
            "torch's product of 8-bit integers fails or is wrong on this processor: "
            "leave out `engine` or `dtype`"
        )


def _case(
    outputs: int, inputs: int, count: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (N, K), a bias (N) and rows (B, K), the same each time."""
    drawn = torch.Generator().manual_seed(0)
    sizes = ((outputs, inputs), (outputs,), (count, inputs))
    weight, bias, rows = (torch.randn(size, generator=drawn).to(dtype) for size in sizes)
    return weight, bias, rows


def _default(dtype: torch.dtype) -> str:
    """Where nothing is measured: packed on x86, if oneDNN has fast products of this dtype."""
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not has_onednn or platform.machine() not in ("x86_64", "AMD64"):
        return "plain"
    if not packs(dtype):
        return "plain"
    has_bfloat16: Any = torch.ops.mkldnn._is_mkldnn_bf16_supported
    return "packed" if dtype is torch.float32 or has_bfloat16() else "plain"


def _measure(dtype: torch.dtype, sizes: Sequence[int], watch: Watch) -> Mapping[str, float]:
    """Time both ways to compute a layer. sizes: outputs, inputs, and tokens at a time."""
    weight, bias, rows = _case(sizes[0], sizes[1], sizes[2], dtype)
    works: dict[str, Callable[[], Tensor]] = {"plain": partial(linear, rows, weight, bias)}
    if packs(dtype):
        works["packed"] = partial(PackedLinear(weight, bias), rows)
    with torch.inference_mode():
        return race(works, watch)


def _works(dtype: torch.dtype, candidate: str) -> bool:
    return candidate == "plain" or packs(dtype)


def _contest(name: str, dtype: torch.dtype, *sizes: int) -> Contest:
    return Contest(
        f"{name}, {str(dtype).removeprefix('torch.')}",
        partial(_default, dtype),
        ("packed", "plain"),
        partial(_measure, dtype, sizes),
        works=partial(_works, dtype),
    )


CONTESTS = {
    dtype: (
        _contest("linear layers", dtype, 1536, 384, 512),  # of a MiniLM
        _contest("linear layers of few tokens", dtype, 3072, 768, 8),  # of GPT-2
    )
    for dtype in (torch.float32, torch.bfloat16)
}
"""How linear layers are computed for a batch of texts, and for few tokens, by dtype."""
