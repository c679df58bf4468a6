"""Calibration: does a model's confidence match its accuracy?"""

from collections.abc import Sequence

import numpy as np

from llmcli.arrays import Doubles, Integers

BINS = 15  # as in Guo et al. 2017


def calibration_bins(confidence: Doubles) -> Integers:
    """The bin of each probability (N,): which of BINS equal intervals (low, high], from 0.

    >>> calibration_bins(np.array([0.0, 0.5, 0.99, 1.0])).tolist()
    [0, 7, 14, 14]
    """
    bins: Integers = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return bins


def calibration_error(confidence: Sequence[float], correct: Sequence[bool]) -> float:
    """Expected calibration error: the mean over bins of |accuracy - mean confidence|, by rows.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    probability = np.asarray(confidence, dtype=np.float64)
    right = np.asarray(correct, dtype=np.float64)
    if not len(probability):
        return 0.0
    bins = calibration_bins(probability)
    gaps = np.bincount(bins, weights=right - probability, minlength=BINS)
    return float(np.abs(gaps).sum() / len(probability))
