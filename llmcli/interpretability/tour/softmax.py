"""Softmax in float64, as the steps compute it by hand."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def chances_of(logits: Doubles) -> Doubles:
    """Probabilities of logits (..., V)."""
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    chances: Doubles = exponentials / exponentials.sum(-1, keepdims=True)
    return chances
