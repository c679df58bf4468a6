"""Bootstrap intervals against theory and scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from llmcli.evaluation.metrics.bootstrap import bootstrap

DRAW = np.random.default_rng(7)


def test_a_bootstrap_interval_is_near_that_of_theory():
    sample = DRAW.normal(0, 1, 500)
    (found,) = bootstrap(lambda rows: [sample[rows].mean()], 500, times=4000, seed=1)
    error = sample.std() / math.sqrt(500)
    assert found.low == pytest.approx(sample.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(sample.mean() + 1.96 * error, abs=0.1 * error)


def test_a_bootstrap_is_repeatable_and_equals_scipy():
    sample = DRAW.exponential(1, 200)

    def mean(rows):
        return [sample[rows].mean(), math.nan]

    one, nothing = bootstrap(mean, 200, times=3000, seed=5)
    assert [one] == bootstrap(mean, 200, times=3000, seed=5)[:1]
    assert math.isnan(nothing.low)
    theirs = stats.bootstrap((sample,), np.mean, n_resamples=3000, method="percentile", rng=2)
    assert one.low == pytest.approx(theirs.confidence_interval.low, rel=0.02)
    assert one.high == pytest.approx(theirs.confidence_interval.high, rel=0.02)
