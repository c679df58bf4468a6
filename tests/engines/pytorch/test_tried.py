"""A private operator of torch is used only if it computes what the plain way computes."""

import pytest
import torch

from llmcli.engines.pytorch.tried import forget_tried, tried

EXPECTED = torch.tensor([1.0, -10.0])


@pytest.fixture(autouse=True)
def untried():
    forget_tried()
    yield
    forget_tried()


def failing(error):
    def operator():
        raise error

    return operator


@pytest.mark.parametrize(
    "operator",
    [
        failing(RuntimeError("unsupported")),
        failing(NotImplementedError()),
        failing(AttributeError("no such operator")),
        failing(TypeError("takes 5 arguments")),
        lambda: torch.tensor([1.0, -10.2]),
        lambda: torch.tensor([1.0, float("nan")]),
        lambda: torch.tensor([1.0]),
        lambda: EXPECTED.double(),
    ],
)
def test_an_operator_that_fails_or_differs_is_not_used(operator):
    assert not tried("sum", operator, lambda: EXPECTED, 0.01)


def test_an_operator_is_tried_once():
    calls = []

    def operator():
        calls.append(1)
        return torch.tensor([1.05, -10.0])  # within a hundredth of the largest number

    assert tried("sum", operator, lambda: EXPECTED, 0.01)
    assert tried("sum", operator, lambda: EXPECTED, 0.01)
    assert len(calls) == 1
    assert not tried("another", lambda: -EXPECTED, lambda: EXPECTED, 0.01)
