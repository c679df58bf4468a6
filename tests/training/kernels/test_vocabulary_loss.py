"""The loss in parts beside PyTorch's cross-entropy of all rows at once."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from llmcli.training.kernels import vocabulary_loss as module
from llmcli.training.kernels.vocabulary_loss import plain_head, rows_at_once, vocabulary_loss


def head_and_rows(bias=True):
    torch.manual_seed(0)
    hidden = (5 * torch.randn(3, 4, 6)).requires_grad_()
    labels = torch.randint(0, 11, (3, 4))
    labels[0, 1:] = labels[2, 3] = -100
    return nn.Linear(6, 11, bias=bias), hidden, labels


def gradients(loss, head, hidden):
    return torch.autograd.grad(0.25 * loss, [hidden, *head.parameters()])


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("bias", [True, False])
def test_loss_and_gradients_are_those_of_cross_entropy(rows, smoothing, bias, monkeypatch):
    monkeypatch.setattr(module, "rows_at_once", lambda vocabulary: rows)
    head, hidden, labels = head_and_rows(bias)
    loss = vocabulary_loss(hidden, head, labels, smoothing)
    expected = functional.cross_entropy(
        head(hidden).flatten(0, 1), labels.flatten(), reduction="sum", label_smoothing=smoothing
    )
    torch.testing.assert_close(loss, expected)
    pairs = zip(gradients(loss, head, hidden), gradients(expected, head, hidden), strict=True)
    for own, theirs in pairs:
        torch.testing.assert_close(own, theirs)


def test_weights_that_are_not_learnt_get_no_gradient():
    head, hidden, labels = head_and_rows()
    head.requires_grad_(False)
    vocabulary_loss(hidden, head, labels).backward()
    assert head.weight.grad is None and hidden.grad is not None


def test_rows_without_labels_are_not_multiplied(monkeypatch):
    head, hidden, labels = head_and_rows()
    seen = []
    multiply = torch.mm
    monkeypatch.setattr(
        torch, "mm", lambda a, b, out: seen.append(len(a)) or multiply(a, b, out=out)
    )
    vocabulary_loss(hidden, head, labels)
    assert sum(seen) == 8  # of 12


def test_a_step_of_no_labels_has_no_loss():
    head, hidden, labels = head_and_rows()
    loss = vocabulary_loss(hidden, head, labels.fill_(-100))
    assert loss.item() == 0
    assert not any(each.any() for each in gradients(loss, head, hidden))


def test_an_unlikely_label_costs_its_distance_to_the_best():
    head = nn.Linear(1, 2, bias=False)
    head.weight.data = torch.tensor([[500.0], [-500.0]])
    loss = vocabulary_loss(torch.ones(1, 1), head, torch.tensor([1]))
    assert loss.item() == 1000  # its probability is 0 in float32


def test_under_autocast_matrices_are_multiplied_in_bfloat16():
    head, hidden, labels = head_and_rows()
    expected = vocabulary_loss(hidden, head, labels)
    with torch.autocast("cpu", torch.bfloat16):
        loss = vocabulary_loss(hidden, head, labels)
    assert loss != expected
    torch.testing.assert_close(loss, expected, rtol=0.02, atol=0)
    for own, theirs in zip(
        gradients(loss, head, hidden), gradients(expected, head, hidden), strict=True
    ):
        torch.testing.assert_close(own, theirs, rtol=0.1, atol=0.02)


def test_a_large_vocabulary_takes_fewer_rows_at_once():
    assert rows_at_once(4096) == 1024
    assert rows_at_once(50257) == 667
    assert rows_at_once(10**7) == 128


def tiny_gpt2():
    config = GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=19, n_positions=8)
    return GPT2LMHeadModel(config).eval()


def test_a_head_that_makes_the_scores_alone_is_plain():
    model, inputs = tiny_gpt2(), {"input_ids": torch.tensor([[1, 2, 3]])}
    assert plain_head(model, inputs) is model.lm_head


def test_a_model_that_changes_its_scores_has_no_plain_head(monkeypatch):
    model, inputs = tiny_gpt2(), {"input_ids": torch.tensor([[1, 2, 3]])}
    compute = model.forward

    def doubled(**given):
        outputs = compute(**given)
        outputs.logits = outputs.logits * 2
        return outputs

    monkeypatch.setattr(model, "forward", doubled)
    assert plain_head(model, inputs) is None
