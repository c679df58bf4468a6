"""Attention with dropout, beside the plain formula, with the same entries dropped."""

import pytest
import torch
from torch.nn import functional

from llmcli.training.kernels import attention as module
from llmcli.training.kernels.attention import attention
from llmcli.training.kernels.replaced import FasterFunctions

LENGTHS = (7, 3, 5, 1)
SHAPE = (len(LENGTHS), 2, 7, 4)  # (B, H, T, D)


def tensors():
    torch.manual_seed(0)
    return [torch.randn(SHAPE, dtype=torch.float64, requires_grad=True) for _ in range(3)]


def padding_mask():
    """(B, 1, T, T), as transformers makes it for an encoder."""
    seen = torch.arange(7)[None, :] < torch.tensor(LENGTHS)[:, None]
    return seen[:, None, None, :].expand(-1, 1, 7, 7)


MASKS = {
    "none": None,
    "padding": padding_mask(),
    "causal": torch.ones(1, 1, 7, 7, dtype=torch.bool).tril(),
    "both": padding_mask() & torch.ones(7, 7, dtype=torch.bool).tril(),
}


def plain(query, key, value, mask, factors):
    """The formula of Vaswani et al. 2017 with dropout on the shares. factors: (B, H, T, T)."""
    scores = 0.5 * query @ key.transpose(2, 3)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return (scores.softmax(-1) * factors) @ value


@pytest.mark.parametrize("most", [1, 10**6], ids=["text by text", "together"])
@pytest.mark.parametrize("name", MASKS)
def test_outputs_and_gradients_are_those_of_the_formula(name, most, monkeypatch):
    monkeypatch.setattr(module, "MOST_SCORES", most)
    torch.manual_seed(5)
    dropped = torch.rand(4, 2, 7, 7) < 0.25
    texts = iter(range(4))

    def chosen(shape, probability, dtype):
        rows = [next(texts) for _ in range(shape[0])]
        return torch.where(dropped[rows, :, :, : shape[3]], -1.0, 1.0).to(dtype)

    monkeypatch.setattr(module, "margins", chosen)
    inputs = tensors()
    outputs = attention(*inputs, MASKS[name], 0.25, 0.5)
    expected = plain(*inputs, MASKS[name], (~dropped) / 0.75)
    torch.testing.assert_close(outputs, expected)
    towards = torch.randn(SHAPE, dtype=torch.float64)
    for own, theirs in zip(
        torch.autograd.grad(outputs, inputs, towards),
        torch.autograd.grad(expected, inputs, towards),
        strict=True,
    ):
        torch.testing.assert_close(own, theirs)


def test_the_mean_over_many_draws_is_attention_without_dropout():
    torch.manual_seed(6)
    query, key, value = (torch.randn(1, 2, 5, 4) for _ in range(3))
    many = [each.expand(4000, -1, -1, -1) for each in (query, key, value)]
    mean = attention(*many, None, 0.1, 0.5).mean(0)
    expected = functional.scaled_dot_product_attention(query, key, value, scale=0.5)[0]
    torch.testing.assert_close(mean, expected, atol=0.05, rtol=0)


def replaced(monkeypatch, call):
    """Whether a call is computed here."""
    calls = []
    monkeypatch.setattr(
        "llmcli.training.kernels.replaced.attention",
        lambda *args: calls.append(args) or args[0],
    )
    with FasterFunctions():
        call()
    return bool(calls)


def test_what_pytorch_has_a_kernel_for_is_left_to_it(monkeypatch):
    inputs = [torch.randn(1, 2, 3, 4) for _ in range(3)]
    attend = functional.scaled_dot_product_attention
    assert replaced(monkeypatch, lambda: attend(*inputs, dropout_p=0.1, is_causal=True))
    assert not replaced(monkeypatch, lambda: attend(*inputs, is_causal=True))
    bias = torch.zeros(1, 2, 3, 3)
    assert not replaced(monkeypatch, lambda: attend(*inputs, attn_mask=bias, dropout_p=0.1))
    groups = [inputs[0], inputs[1][:, :1], inputs[2][:, :1]]
    grouped = {"dropout_p": 0.1, "enable_gqa": True}
    assert not replaced(monkeypatch, lambda: attend(*groups, **grouped))


def test_modules_and_functions_drop_by_the_faster_way_in_training_alone():
    layer, inputs = torch.nn.Dropout(0.5), torch.ones(8, 8)
    with FasterFunctions():
        torch.manual_seed(7)
        first = layer(inputs)
        torch.manual_seed(7)
        assert torch.equal(functional.dropout(inputs, 0.5), first)
        assert torch.equal(layer.eval()(inputs), inputs)
    torch.manual_seed(7)
    assert not torch.equal(layer.train()(inputs), first)
