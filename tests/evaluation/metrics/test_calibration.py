"""The calibration error: by hand, and against a plain loop."""

import numpy as np
import pytest

from llmcli.evaluation.metrics.calibration import calibration_error

DRAW = np.random.default_rng(7)
SURE = DRAW.beta(4, 2, 400)


def test_calibration_error_by_hand():
    # (13/15, 14/15]: two rows, mean 0.9, half of them right; (7/15, 8/15]: one, 0.5, right
    assert calibration_error([0.88, 0.92, 0.5], [True, False, True]) == pytest.approx(
        2 / 3 * abs(0.5 - 0.9) + 1 / 3 * abs(1 - 0.5)
    )


def test_calibration_error_equals_a_plain_loop():
    right = DRAW.random(400) < SURE
    expected = 0.0
    for n in range(15):
        here = (n / 15 < SURE) & ((n + 1) / 15 >= SURE)
        if here.any():
            expected += here.mean() * abs(right[here].mean() - SURE[here].mean())
    assert calibration_error(SURE, right) == pytest.approx(expected)
