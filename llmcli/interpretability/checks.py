"""Checks of an explanation against the model, made at each run."""

from dataclasses import dataclass

import numpy as np

from llmcli.data.results import Described


@dataclass(frozen=True, slots=True)
class SelfCheck(Described):
    """How far two ways to compute the same numbers are apart."""

    name: str
    """Its key in the words of its section: `attention.recomputed`."""
    error: float
    """The largest difference; of what is relative, a share. NaN is never within a tolerance."""
    tolerance: float

    @property
    def holds(self) -> bool:
        """True if the error is within the tolerance."""
        return self.error <= self.tolerance

    def to_dict(self) -> dict[str, object]:
        """The fields, with `holds`."""
        return {
            "name": self.name,
            "error": self.error,
            "tolerance": self.tolerance,
            "holds": self.holds,
        }


def largest_difference(left: object, right: object) -> float:
    """The largest absolute difference of two arrays of the same shape; infinite if it is not.

    >>> largest_difference([1.0, 2.0], [1.0, 2.5])
    0.5
    """
    a, b = np.asarray(left, np.float64), np.asarray(right, np.float64)
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(a - b).max(initial=0.0))
