"""McNemar's test against scipy."""

import pytest
from scipy import stats

from llmcli.evaluation.metrics.mcnemar import mcnemar


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 5), (5, 1), (3, 3), (40, 70), (900, 1000)])
def test_mcnemar_equals_the_binomial_test(b, c):
    expected = stats.binomtest(min(b, c), b + c).pvalue if b + c else 1
    assert mcnemar(b, c) == pytest.approx(expected)
    assert mcnemar(0, 3) == 2 / 8  # three tosses on one side: 1/8, and as much for the other
