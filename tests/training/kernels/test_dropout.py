"""Dropout: its distribution, its gradient, and that PyTorch's seed decides it."""

import pytest
import torch

from llmcli.training.kernels.dropout import dropout, margins


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.93])
def test_as_many_entries_are_dropped_as_the_probability_says(probability):
    torch.manual_seed(1)
    drawn = margins((300, 401), probability, torch.float32)
    deviation = (probability * (1 - probability) / drawn.numel()) ** 0.5
    assert (drawn < 0).float().mean().item() == pytest.approx(probability, abs=5 * deviation)
    assert not (drawn == 0).any()


def test_neighbours_are_dropped_independently():
    torch.manual_seed(2)
    dropped = (margins((400, 400), 0.3, torch.float32) < 0).float()
    for first, second in ((dropped[:, :-1], dropped[:, 1:]), (dropped[:-1], dropped[1:])):
        assert (first * second).mean().item() == pytest.approx(0.09, abs=0.006)


def test_what_is_kept_is_scaled_and_so_is_its_gradient():
    torch.manual_seed(3)
    inputs = torch.ones(50, 40, requires_grad=True)
    outputs = dropout(inputs, 0.25)
    outputs.sum().backward()
    assert outputs.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert torch.equal(inputs.grad, outputs.detach())


def test_the_seed_of_pytorch_decides():
    torch.manual_seed(4)
    first, second = dropout(torch.ones(64), 0.5), dropout(torch.ones(64), 0.5)
    torch.manual_seed(4)
    assert torch.equal(dropout(torch.ones(64), 0.5), first)
    assert not torch.equal(first, second)
