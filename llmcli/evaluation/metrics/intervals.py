"""Confidence intervals of shares of rows, and of the difference of two shares."""

import math
from collections.abc import Callable
from dataclasses import dataclass

Z = 1.959963984540054
"""The normal quantile of 0.975."""
EDGE = 10
"""With so few rows that count, or that do not, the exact interval is taken."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


def share_interval(count: int, rows: int) -> Interval:
    """The 95 percent interval of a share: `count` of `rows` rows.

    Wilson's, which has 95 percent on average; near 0 and 1, where that has less, the exact one of
    Clopper and Pearson, which has more. Source: Wilson 1927; Clopper and Pearson 1934.

    >>> round(share_interval(0, 20).high, 4)
    0.1684
    """
    if min(count, rows - count) > EDGE:
        return _wilson(count, rows)
    if count > rows / 2:
        mirrored = share_interval(rows - count, rows)
        return Interval(1 - mirrored.high, 1 - mirrored.low)
    tail = 0.025
    high = _solve(lambda p: _at_most(count, rows, p) > tail)
    low = _solve(lambda p: 1 - _at_most(count - 1, rows, p) < tail) if count else 0.0
    return Interval(low, high)


def paired_interval(only_first: int, only_second: int, rows: int) -> Interval:
    """The 95 percent interval of the second share minus the first, of the same rows.

    only_first, only_second: the numbers of rows that count for one alone. Wald's interval with a
    row more in each of the two cells; it stays open where they are 0.
    Source: Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data".
    """
    first, second = (only_first + 1) / (rows + 2), (only_second + 1) / (rows + 2)
    half = Z * math.sqrt((first + second - (second - first) ** 2) / (rows + 2))
    return Interval(max(-1.0, second - first - half), min(1.0, second - first + half))


def _wilson(count: int, rows: int) -> Interval:
    share, spread = count / rows, Z * Z / rows
    center = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / rows + spread / (4 * rows)) / (1 + spread)
    return Interval(max(0.0, center - half), min(1.0, center + half))


def _at_most(count: int, rows: int, p: float) -> float:
    """The probability of `count` or fewer of `rows` rows, each with probability p."""
    if count < 0:
        return 0.0
    if p <= 0 or p >= 1:
        return float(p <= 0 or count == rows)
    logs = (
        math.lgamma(rows + 1)
        - math.lgamma(at + 1)
        - math.lgamma(rows - at + 1)
        + at * math.log(p)
        + (rows - at) * math.log1p(-p)
        for at in range(count + 1)
    )
    return math.fsum(map(math.exp, logs))


def _solve(is_below: Callable[[float], bool]) -> float:
    """The number between 0 and 1 up to which a condition holds, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return low
