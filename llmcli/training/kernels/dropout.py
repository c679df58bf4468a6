"""Dropout on a CPU, where drawing random numbers takes longer than everything else about it."""

from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import Function

LEVELS = 1 << 16
"""Values of a 16-bit draw; a probability is rounded to a multiple of their inverse."""


def rounded(probability: float) -> float:
    """The probability that `margins` drops with: it differs by less than 1e-5."""
    return round(probability * LEVELS) / LEVELS


def margins(shape: tuple[int, ...], probability: float, dtype: torch.dtype) -> Tensor:
    """Independent random numbers of a shape: negative with `probability`, never zero.

    The generator (SFC64, which passes PractRand) gets its seed from PyTorch's, so that a run that
    is resumed or repeated draws the same numbers. PyTorch's own `bernoulli_` takes up to ten times
    as long.
    """
    seed = int(torch.randint(2**63 - 1, ()))
    count = prod(shape)
    words = np.random.SFC64(seed).random_raw(-(-count // 4))
    draws = torch.from_numpy(words.view(np.int16)[:count]).view(shape)
    least = round(probability * LEVELS) - LEVELS // 2  # draws below it are dropped
    return draws.to(torch.float32).sub_(least - 0.5).to(dtype)


class Dropout(Function):
    """Sets entries to zero with a probability, and scales the others (Srivastava et al. 2014)."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, probability: float) -> Tensor:
        """inputs: of any shape."""
        factors = margins(tuple(inputs.shape), probability, torch.float32)
        factors = factors.gt_(0).mul_(1 / (1 - rounded(probability))).to(inputs.dtype)
        ctx.save_for_backward(factors)
        return inputs * factors

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient of the inputs."""
        (factors,) = ctx.saved_tensors
        return gradient * factors, None


def dropout(inputs: Tensor, probability: float) -> Tensor:
    """`torch.nn.functional.dropout` in training, for a probability between 0 and 1."""
    dropped: Tensor = Dropout.apply(inputs, probability)  # type: ignore[no-untyped-call]
    return dropped
