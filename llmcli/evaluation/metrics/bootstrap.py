"""Confidence intervals by the bootstrap."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Integers


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


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
    Each of `times` samples draws `rows` rows with replacement; the interval holds the middle
    `level` of the values. NaN values are left out.
    Source: Efron 1979, the percentile method.
    """
    draw = np.random.default_rng(seed)
    samples = [statistic(draw.integers(0, rows, rows)) for _ in range(times)]
    values = np.array(samples, dtype=np.float64)  # (times, statistics)
    ends = [(1 - level) / 2, (1 + level) / 2]
    intervals = []
    for column in values.T:
        known = column[~np.isnan(column)]
        low, high = np.quantile(known, ends) if len(known) else (math.nan, math.nan)
        intervals.append(Interval(float(low), float(high)))
    return intervals
