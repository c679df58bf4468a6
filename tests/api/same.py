"""When two records are the same."""

import pytest


def assert_same(value, other):
    """The same to JSON; the last digits of numbers may differ between two runs of a model."""
    if isinstance(value, dict):
        assert list(value) == list(other)
        for key, item in value.items():
            assert_same(item, other[key])
    elif isinstance(value, list):
        for pair in zip(value, other, strict=True):
            assert_same(*pair)
    elif isinstance(value, float):
        assert value == pytest.approx(other, abs=1e-5)
    else:
        assert value == other
