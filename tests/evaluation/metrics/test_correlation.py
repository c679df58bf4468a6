"""Correlations against scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from llmcli.evaluation.metrics.correlation import pearson, spearman

DRAW = np.random.default_rng(7)


def test_correlations_equal_scipy_with_ties():
    x = DRAW.integers(0, 9, 60)
    y = x + DRAW.normal(0, 3, 60)
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert pearson([1, 2], [3, 5]) == pytest.approx(1)
    assert math.isnan(pearson([1, 1], [1, 2])) and math.isnan(pearson([1], [1]))
