"""Filling the layers that all architectures have in CTranslate2's specifications."""

from typing import Any

import numpy as np
from ctranslate2.specs import common_spec

from llmcli.arrays import Floats
from llmcli.engines.ct2.support import ACTIVATIONS, activation
from llmcli.engines.ct2.weights import Weights


def activation_of(full: dict[str, Any]) -> Any:
    """CTranslate2's constant for the activation function in a configuration."""
    return common_spec.Activation[ACTIVATIONS[activation(full)]]


def set_linear(
    spec: Any, weights: Weights, *names: str, transposed: bool = False, bias: bool = True
) -> None:
    """Fill one linear layer with the weights of one or more layers, concatenated.

    transposed: the weights are stored as (in, out), as GPT-2's are; CTranslate2 needs (out, in).
    bias: whether the architecture has one; a stored one that it does not have is not taken.
    Raises ModelUnsuitable for a weight that is missing, or of another number of dimensions.
    """
    spec.weight = weights.joined([f"{name}.weight" for name in names], transposed=transposed)
    if bias:
        spec.bias = np.concatenate([weights.take(f"{name}.bias") for name in names])


def set_norm(spec: Any, weights: Weights, name: str, *, is_rms: bool = False) -> None:
    """Fill a layer norm. Old BERT checkpoints call its weights gamma and beta."""
    spec.gamma = weights.take(f"{name}.weight", f"{name}.gamma")
    if not is_rms:
        spec.beta = weights.take(f"{name}.bias", f"{name}.beta")


def sinusoids(positions: Floats, frequencies: Floats) -> Floats:
    """Sines, then cosines, of positions (N,) at frequencies (F,): (N, 2 F)."""
    angles = positions[:, None] * frequencies[None]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
