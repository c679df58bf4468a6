"""Intervals of shares against scipy, and how often they hold the true value."""

import math

import numpy as np
import pytest
from scipy import stats

from llmcli.evaluation.metrics.bootstrap import bootstrap, expanded_tail
from llmcli.evaluation.metrics.intervals import paired_interval, share_interval


@pytest.mark.parametrize(("count", "rows"), [(0, 20), (20, 20), (3, 40), (299, 300), (11, 22)])
def test_a_share_near_its_ends_has_the_exact_interval(count, rows):
    method = "exact" if min(count, rows - count) <= 10 else "wilson"
    expected = stats.binomtest(count, rows).proportion_ci(method=method)
    found = share_interval(count, rows)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_interval_of_paired_shares_by_hand():
    found = paired_interval(1, 5, 98)  # 2 and 6 of 100
    half = 1.96 * math.sqrt((0.02 + 0.06 - 0.04**2) / 100)
    assert (found.low, found.high) == pytest.approx((0.04 - half, 0.04 + half), abs=1e-4)
    none = paired_interval(0, 0, 50)
    assert none.low == pytest.approx(-none.high) and none.high > 0.05


def coverage(rows, share):
    """How often the interval of a share holds it: exact, over all counts."""
    counts = np.arange(rows + 1)
    intervals = [share_interval(int(count), rows) for count in counts]
    holds = [interval.low <= share <= interval.high for interval in intervals]
    return float(stats.binom.pmf(counts, rows, share)[holds].sum())


@pytest.mark.parametrize("rows", [10, 50, 300])
def test_shares_are_held_in_95_of_100_samples_and_near_the_ends_in_93_at_least(rows):
    middle = np.mean([coverage(rows, share) for share in np.linspace(0.1, 0.9, 41)])
    assert 0.94 < middle < (0.985 if rows == 10 else 0.97)
    edges = [coverage(rows, share) for share in np.geomspace(0.0005, 0.1, 40)]
    assert min(edges) > 0.93
    assert min(coverage(rows, 1 - share) for share in (0.0005, 0.01, 0.1)) > 0.93


def test_paired_differences_are_held():
    draw = np.random.default_rng(3)
    for only in ((0.1, 0.05), (0.02, 0.0), (0.3, 0.3)):
        samples = draw.multinomial(80, [*only, 1 - sum(only)], 600)
        found = [paired_interval(int(a), int(b), 80) for a, b, _ in samples]
        held = np.mean([each.low <= only[1] - only[0] <= each.high for each in found])
        assert held >= 0.93


def test_a_mean_by_bootstrap_is_held():
    draw = np.random.default_rng(5)
    held = 0
    for seed in range(300):
        sample = draw.gamma(4, 0.25, 50)
        (found,) = bootstrap(lambda at, x=sample: [x[at].mean()], 50, times=200, seed=seed)
        held += found.low <= 1 <= found.high
    assert 0.9 < held / 300 < 0.98  # 0.93 to 0.97 in benchmarks/interval_coverage.md


def test_few_rows_widen_an_interval_as_students_does():
    for rows in (10, 50, 1000):
        z = stats.norm.isf(expanded_tail(0.025, rows))
        assert z == pytest.approx(
            stats.t.isf(0.025, rows - 1) * math.sqrt(rows / (rows - 1)), rel=0.002
        )
