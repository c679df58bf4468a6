"""Norms as the affine functions that they are once their scale is fixed.

A norm divides by a number that depends on its input. Held at the value of the recorded pass, what
remains is y = scale * (x - mean(x)) + shift, or without the mean (RMSNorm): linear in x, so that a
sum of vectors can be followed through it (Elhage et al. 2021, A Mathematical Framework for
Transformer Circuits). Weights and kind are found by giving the norm two known inputs, because each
family writes them in its own way: Gemma multiplies by 1 + w, T5 has no mean.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

EXACT = 1e-4
"""The largest relative difference between a norm and its affine form."""


@dataclass(frozen=True, slots=True)
class FrozenNorm:
    """A norm with its scale fixed to that of one pass.

    scale (B, T, D): the weight times the number of each position. shift (D,). centred: whether the
    mean over D is taken away first.
    """

    scale: Tensor
    shift: Tensor
    centred: bool

    def __call__(self, hidden: Tensor) -> Tensor:
        """The affine function of hidden (B, T, D)."""
        if self.centred:
            hidden = hidden - hidden.mean(-1, keepdim=True)
        return hidden * self.scale + self.shift


@torch.no_grad()
def freeze(norm: nn.Module, hidden: Tensor, output: Tensor) -> FrozenNorm | None:
    """The affine form of a norm at hidden (B, T, D), where it gave output (B, T, D).

    None if it is not of this form: a norm over groups, or one that is no norm.
    """
    width = hidden.shape[-1]
    zeros = torch.zeros(1, 1, width, dtype=hidden.dtype, device=hidden.device)
    signs = torch.ones_like(zeros)
    signs[..., 1::2] = -1  # of mean 0 and variance 1, if D is even
    forward = type(norm).forward  # no hooks
    shift = forward(norm, zeros)
    weight = (forward(norm, signs) - shift) * signs  # times a constant, which the fit below takes
    for centred in (True, False):
        moved = hidden - hidden.mean(-1, keepdim=True) if centred else hidden
        basis, rest = moved * weight, output - shift
        square = basis.square().sum(-1, keepdim=True).clamp_min(torch.finfo(basis.dtype).tiny)
        factor = (basis * rest).sum(-1, keepdim=True) / square  # (B, T, 1): least squares
        error = (basis * factor - rest).abs().max()
        if error <= EXACT * rest.abs().max().clamp_min(1e-6):
            return FrozenNorm(weight * factor, shift.reshape(-1), centred)
    return None
