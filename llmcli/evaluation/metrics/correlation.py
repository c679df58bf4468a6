"""Correlation of two series of numbers."""

import math
from collections.abc import Sequence

import numpy as np

from llmcli.arrays import Doubles

Numbers = Sequence[float] | Doubles


def pearson(first: Numbers, second: Numbers) -> float:
    """Linear correlation, from -1 to 1; NaN where one of the two series is constant."""
    x, y = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if len(x) < 2:
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    size = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / size if size else math.nan


def spearman(first: Numbers, second: Numbers) -> float:
    """Rank correlation, from -1 to 1; equal values share their mean rank.

    >>> round(spearman([1, 2, 3, 4], [1, 2, 4, 3]), 4)
    0.8
    """
    return pearson(_mean_ranks(first), _mean_ranks(second))


MEASURES = ("pearson", "spearman", "mean_squared_error")


def regression_scores(expected: Numbers, predicted: Numbers) -> tuple[float, float, float]:
    """The MEASURES of predicted numbers; the error is NaN where there is none."""
    differences = np.asarray(expected, np.float64) - np.asarray(predicted, np.float64)
    error = float((differences**2).mean()) if len(differences) else math.nan
    return pearson(expected, predicted), spearman(expected, predicted), error


def _mean_ranks(values: Numbers) -> Doubles:
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    ranks: Doubles = ((2 * ends - counts + 1) / 2)[place]
    return ranks
