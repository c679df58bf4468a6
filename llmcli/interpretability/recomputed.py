"""Attention computed a second time, from its formula, in NumPy with 64 bits."""

from typing import Any

import numpy as np
from torch import Tensor

from llmcli.arrays import Doubles
from llmcli.interpretability.probe import Captured


def recomputed(captured: Captured, heads: int | None = None) -> tuple[Doubles, Doubles] | None:
    """Weights (H, T, S) and their sum of values (T, H, d) of the first text; None without Q, K, V.

    heads: how many, from the first on; None: all.
    softmax(Q K^T scaling + mask) V (Vaswani et al. 2017, equation 1). A softcap bounds the scores
    by tanh before the mask; a sink is one more score, whose weight goes to no position.
    """
    if captured.query is None or captured.key is None or captured.value is None:
        return None
    some = slice(heads)
    query, key, value = (
        _doubles(states)[some] for states in (captured.query, captured.key, captured.value)
    )
    scores = query @ key.swapaxes(-1, -2) * captured.scaling  # (H, T, S)
    if captured.softcap is not None:
        scores = captured.softcap * np.tanh(scores / captured.softcap)
    if captured.mask is not None:
        scores = scores + _doubles(captured.mask)[some]  # (1 or H, T, S)
    if captured.sinks is not None:
        sinks = np.asarray(captured.sinks.detach().cpu(), np.float64)[some, None, None]
        scores = np.concatenate([scores, np.broadcast_to(sinks, (*scores.shape[:2], 1))], -1)
    shifted = np.exp(scores - scores.max(-1, keepdims=True))
    weights = (shifted / shifted.sum(-1, keepdims=True))[..., : key.shape[-2]]
    return weights, (weights @ value).swapaxes(0, 1)


def _doubles(values: Tensor) -> Any:
    return np.asarray(values[0].detach().cpu(), np.float64)
