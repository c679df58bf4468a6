"""Confidence intervals by the bootstrap."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from llmcli.arrays import Integers
from llmcli.evaluation.metrics.intervals import Interval

FEWEST_ROWS = 50
"""With fewer rows, the interval misses the value too often (benchmarks/interval_coverage.md)."""


def bootstrap(
    statistic: Callable[[Integers], Sequence[float]],
    rows: int,
    *,
    times: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Interval]:
    """The confidence interval of each value that `statistic` computes of a sample of rows.

    statistic: takes the numbers of the drawn rows, in which a row may come several times.
    Each of `times` samples draws `rows` rows with replacement; the interval holds the middle of the
    values: `level` of them, and a little more where the rows are few. NaN values are left out.
    Source: Efron 1979, the percentile method; Hesterberg 2015, section 4.4, its expansion.
    """
    draw = np.random.default_rng(seed)
    samples = [statistic(draw.integers(0, rows, rows)) for _ in range(times)]
    values = np.array(samples, dtype=np.float64)  # (times, statistics)
    tail = expanded_tail((1 - level) / 2, rows)
    intervals = []
    for column in values.T:
        known = column[~np.isnan(column)]
        low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (math.nan, math.nan)
        intervals.append(Interval(float(low), float(high)))
    return intervals


def expanded_tail(tail: float, rows: int) -> float:
    """The share of bootstrap samples outside of an interval, at each side.

    The percentile interval of a mean is then as wide as Student's, which is wider than the normal
    one, and allows for the standard deviation of a sample that is too small by sqrt(1 - 1 / rows).

    >>> round(expanded_tail(0.025, 20), 4), round(expanded_tail(0.025, 1000), 4)
    (0.0159, 0.0248)
    """
    if rows < 2:
        return tail
    z = NormalDist().inv_cdf(1 - tail)
    n = rows - 1  # degrees of freedom; the expansion of Student's quantile by Fisher and Cornish
    t = z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
    return NormalDist().cdf(-math.sqrt(rows / n) * t)
