"""Array types, and the few functions of numpy arrays that make torch unnecessary in tasks.

numpy is imported when the first array is made: a text that ct2 generates needs none.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from llmcli.errors import ModelUnsuitable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Doubles = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Bools = npt.NDArray[np.bool_]
else:

    class Array:
        """Stands for the types of arrays where annotations are read while the program runs."""

    Floats = Doubles = Integers = Bools = Array

MESSAGE = (
    "what the model computes is not finite (NaN or infinite), although its weights are: they are "
    "too large for the arithmetic; use `dtype`=float32, or another model if that is used"
)


class NotFinite(ModelUnsuitable):
    """A model with finite weights computed NaN or an infinite number."""

    def __init__(self) -> None:
        super().__init__(MESSAGE)


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities, in nats, of logits (..., V)."""
    import numpy as np

    shifted: Floats = logits - logits.max(-1, keepdims=True)
    total: Floats = np.exp(shifted).sum(-1, keepdims=True)
    return shifted - np.log(total)


def softmax(logits: Floats) -> Floats:
    """Probabilities of logits (..., V)."""
    import numpy as np

    return np.exp(log_softmax(logits))


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    import numpy as np

    return np.exp(-np.logaddexp(0, -logits))


def top(values: Floats, count: int) -> Integers:
    """Indices of the `count` largest of values (N,), the largest first; of equals, the first."""
    import numpy as np

    if count < len(values):
        least = np.partition(values, -count)[-count]
        candidates = np.flatnonzero(values >= least)
    else:
        candidates = np.arange(len(values))
    order = np.argsort(-values[candidates], kind="stable")
    return candidates[order[:count]]


def weighted_mean(values: Sequence[Floats], weights: Sequence[int]) -> Floats:
    """The mean over the windows of a text, weighted by their numbers of tokens."""
    import numpy as np

    total = sum(weights)
    mean = sum(value * (weight / total) for value, weight in zip(values, weights, strict=True))
    return np.asarray(mean, np.float32)


def require_finite(values: Any) -> None:
    """Raise NotFinite if a model computed NaN or an infinite number.

    values: an array or a tensor.
    """
    if not (abs(values) < math.inf).all():  # NaN is not less than anything
        raise NotFinite


def require_finite_numbers(values: Iterable[float]) -> None:
    """As `require_finite`, of numbers of Python's."""
    if not all(map(math.isfinite, values)):
        raise NotFinite


def require_choice(logits: Any) -> None:
    """Raise NotFinite if some logits (..., V) are NaN, or the largest ones infinite.

    Some models exclude tokens by a logit of minus infinity. logits: an array or a tensor.
    """
    best = logits.amax(-1) if hasattr(logits, "amax") else logits.max(-1)  # a tensor or an array
    require_finite(best)  # it is NaN if any of them is
