"""How lengths and labels are distributed over training data."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from llmcli.training.checkup.findings import Bar, LabelCount, Lengths

BARS = 10
QUANTILES = {"shortest": 0.0, "median": 0.5, "90%": 0.9, "99%": 0.99, "longest": 1.0}


def lengths_of(counts: Sequence[int], unit: str) -> Lengths | None:
    """Quantiles, each of them a length that occurs, and a histogram of about ten bars.

    unit: what has the lengths. The bars have a round width; the last one holds all from the 99th
    percentile on.

    >>> lengths_of([1, 2, 3, 4, 10], "row").quantiles["median"]
    3
    """
    if not counts:
        return None
    values = np.asarray(counts)
    measured = np.quantile(values, list(QUANTILES.values()), method="inverted_cdf")
    quantiles = dict(zip(QUANTILES, map(int, measured), strict=True))
    width = _round_width(quantiles["99%"] / BARS)
    last = quantiles["99%"] // width
    counted = Counter(np.minimum(values // width, last).tolist())
    bars = [
        Bar(index * width, (index + 1) * width - 1, counted[index])
        for index in range(min(counted), last + 1)
    ]
    bars[-1] = Bar(bars[-1].low, max(bars[-1].high, quantiles["longest"]), bars[-1].count)
    return Lengths(unit, quantiles, tuple(bars))


def _round_width(least: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ...

    >>> _round_width(0.3), _round_width(3), _round_width(11)
    (1, 5, 20)
    """
    power = int(10 ** math.floor(math.log10(max(least, 1))))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def label_counts(
    train: Counter[str], held_out: Counter[str], order: Sequence[str]
) -> list[LabelCount]:
    """Counts and shares of all labels, those that training lacks at the end."""
    own, other = max(1, train.total()), max(1, held_out.total())
    return [
        LabelCount(
            label, train[label], train[label] / own, held_out[label], held_out[label] / other
        )
        for label in order
    ]
