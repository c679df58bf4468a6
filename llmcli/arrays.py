"""Array types, and the few functions of numpy arrays that make torch unnecessary in tasks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from llmcli.errors import ModelUnsuitable

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NAN_MESSAGE = "the model computes NaN: its weights are damaged, or `dtype` is too narrow for it"


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities, in nats, of logits (..., V)."""
    shifted: Floats = logits - logits.max(-1, keepdims=True)
    total: Floats = np.exp(shifted).sum(-1, keepdims=True)
    return shifted - np.log(total)


def softmax(logits: Floats) -> Floats:
    """Probabilities of logits (..., V)."""
    return np.exp(log_softmax(logits))


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return np.exp(-np.logaddexp(0, -logits))


def top(values: Floats, count: int) -> Integers:
    """Indices of the `count` largest of values (N,), the largest first; of equals, the first."""
    if count < len(values):
        least = np.partition(values, -count)[-count]
        candidates = np.flatnonzero(values >= least)
    else:
        candidates = np.arange(len(values))
    order = np.argsort(-values[candidates], kind="stable")
    return candidates[order[:count]]


def weighted_mean(values: Sequence[Floats], weights: Sequence[int]) -> Floats:
    """The mean over the windows of a text, weighted by their numbers of tokens."""
    total = sum(weights)
    mean = sum(value * (weight / total) for value, weight in zip(values, weights, strict=True))
    return np.asarray(mean, np.float32)


def require_numbers(values: Any) -> None:
    """Raise ModelUnsuitable if a model computed NaN, which would make any choice arbitrary.

    values: an array or a tensor.
    """
    if (values != values).any():
        raise ModelUnsuitable(NAN_MESSAGE)
