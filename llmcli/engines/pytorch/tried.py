"""Operators of torch that are private: whether they compute here what the plain way computes."""

import threading
from collections.abc import Callable

import torch
from torch import Tensor

FAILURES = (RuntimeError, AttributeError, TypeError, ValueError)
"""What calling an operator raises that another version of torch lacks, or takes otherwise."""

_known: dict[str, bool] = {}
_lock = threading.Lock()


def tried(
    name: str, operator: Callable[[], Tensor], plain: Callable[[], Tensor], tolerance: float
) -> bool:
    """True if an operator runs on a small case, and gives what the plain way gives.

    It is tried once in a process. name: of the operator and all that its result depends on, such as
    the dtype. tolerance: the largest difference that rounding explains, as a share of the largest
    number.
    """
    with _lock:
        if name not in _known:
            _known[name] = _agrees(operator, plain, tolerance)
        return _known[name]


def forget_tried() -> None:
    """Try each operator again."""
    _known.clear()


@torch.inference_mode()
def _agrees(operator: Callable[[], Tensor], plain: Callable[[], Tensor], tolerance: float) -> bool:
    expected = plain()
    try:
        result = operator()
    except FAILURES:
        return False
    if result.shape != expected.shape or result.dtype != expected.dtype:
        return False
    largest = expected.abs().max().item()
    return bool(((result - expected).abs() <= tolerance * largest).all())  # False where one is NaN
