"""Labels that bfloat16 may have changed: rows whose scores are close are computed in float32.

A logit in bfloat16 is off by a little, so a label that leads by less than what that can change
is not certain. The whole row decides: the mean over the windows of a long text, or the labels of
a zero-shot classification against one another.
"""

from collections.abc import Sequence

import numpy as np

from llmcli.arrays import Floats
from llmcli.engines.base import Loaded
from llmcli.inference.encoding import Window, collate

# How far a logit may be off. In bfloat16, those of MiniLM for 4,000 reviews were by up to 0.07.
ERROR = 0.075
AT_ONCE = 8  # windows that are computed again together


def exact_logits(loaded: Loaded, windows: Sequence[Window], pad: int) -> list[Floats]:
    """Logits (L,) of each window in float32. Only where the model has an engine for that."""
    assert loaded.exact is not None
    logits: list[Floats] = []
    for at in range(0, len(windows), AT_ONCE):
        out = loaded.exact.forward(collate(windows[at : at + AT_ONCE], pad)).logits  # (B, L)
        assert out is not None  # a classifier has them
        logits += list(out)
    return logits


def is_close_softmax(scores: Floats, weights: Sequence[float]) -> bool:
    """Whether errors of logits could change the best of mean probabilities, a softmax each.

    scores: (W, L), of each window. weights: of the windows in the mean.
    The lead of label a over c changes by at most ERROR times the sum of the absolute derivatives:
    p_a (1 - p_a + p_c) + p_c (1 - p_c + p_a) + (1 - p_a - p_c) |p_a - p_c|, to first order.
    """
    mean = _mean(scores, weights)  # (L,)
    best = int(mean.argmax())
    lead = scores[:, best, None]  # (W, 1)
    slope = lead * (1 - lead + scores) + scores * (1 - scores + lead)  # (W, L)
    slope = slope + (1 - lead - scores) * np.abs(lead - scores)
    return _is_close(mean[best] - mean, _mean(slope, weights) * ERROR, best)


def is_close_sigmoid(scores: Floats, weights: Sequence[float], logits: int = 1) -> bool:
    """The same for labels on their own, which are also close if a score is near one half.

    logits: how many of them make a score; each may be off.
    """
    mean = _mean(scores, weights)  # (L,)
    best = int(mean.argmax())
    change = _mean(scores * (1 - scores), weights) * ERROR * logits  # (L,)
    if (np.abs(mean - 0.5) < change).any():
        return True
    return _is_close(mean[best] - mean, change[best] + change, best)


def _is_close(leads: Floats, changes: Floats, best: int) -> bool:
    """Whether one of the leads (L,) of the best label is below what errors can change."""
    return bool(np.delete(leads < changes, best).any())


def _mean(values: Floats, weights: Sequence[float]) -> Floats:
    mean: Floats = np.average(values, axis=0, weights=weights)
    return mean
