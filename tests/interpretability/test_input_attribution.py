"""Integrated gradients and occlusion against captum's, and sums that hold or are said not to."""

import numpy as np
import pytest

from llmcli.interpretability.input_attribution import (
    MOST_NODES,
    InputSide,
    attribute_inputs,
)
from tests.interpretability.families import FAMILIES
from tests.interpretability.networks import network_of

POSITION = -2
BY_NAME = {family.name: family for family in FAMILIES}


def case(name, family_folder):
    """A network, its inputs, its sides, and a run that gives two differences of logits."""
    import torch

    family = BY_NAME[name]
    network, inputs = network_of(family, family_folder)
    with torch.no_grad():
        best = network(**inputs).logits[0, POSITION].topk(3).indices

    def run(copies):
        rows = {
            key: value.expand(copies, -1) if torch.is_tensor(value) else value
            for key, value in inputs.items()
        }
        logits = network(**rows).logits[:, POSITION, best]
        return logits[:, :2] - logits[:, 2:]

    owners = [None]
    if family.kind == "seq2seq":
        owners = [network.get_encoder(), network.get_decoder()]
    sides = []
    for key, owner in zip(("input_ids", "decoder_input_ids"), owners, strict=False):
        ids = tuple(inputs[key][0].tolist())
        kept = (True, *[False] * (len(ids) - 1))
        embedding = (owner or network).get_input_embeddings()
        sides.append(InputSide(ids, embedding, owner, 3, kept))
    return network, inputs, best, tuple(sides), run


@pytest.mark.parametrize("name", ["gemma2", "bart"])
def test_integrated_gradients_sum_to_the_difference(name, family_folder):
    *_, sides, run = case(name, family_folder)
    result = attribute_inputs(sides, run)
    assert (result.error <= 0.01).all()
    sums = sum(side.sum(1) for side in result.integrated_gradients)
    np.testing.assert_allclose(sums, result.difference, rtol=0.01, atol=1e-3)
    assert [side.shape for side in result.occlusion] == [(2, len(side.ids)) for side in sides]
    for side in (*result.integrated_gradients, *result.occlusion):
        assert (side[:, 0] == 0).all()  # kept


def of_embeddings(network, inputs, pair):
    """The same number as a function of embeddings, as captum takes it.

    Marian's encoder does not scale what it is given as `inputs_embeds`, its decoder does.
    """
    import torch

    def forward(*embeddings):
        rows = {key: value for key, value in inputs.items() if not torch.is_tensor(value)}
        rows["inputs_embeds"] = embeddings[0]
        if len(embeddings) == 2:
            rows["inputs_embeds"] = embeddings[0] * network.get_encoder().embed_scale
            rows["decoder_inputs_embeds"] = embeddings[1]
        logits = network(**rows).logits[:, POSITION]
        return logits[:, pair[0]] - logits[:, pair[1]]

    return forward


@pytest.mark.parametrize("name", ["llama", "bert", "marian"])
def test_the_methods_are_captums(name, family_folder):
    import torch
    from captum.attr import InputXGradient, IntegratedGradients, Occlusion

    network, inputs, best, sides, run = case(name, family_folder)
    result = attribute_inputs(sides, run)
    forward = of_embeddings(network, inputs, (best[0], best[2]))
    ids = [torch.tensor([side.ids]) for side in sides]
    replaced = [torch.cat([row[:, :1], torch.full_like(row[:, 1:], 3)], 1) for row in ids]
    texts = tuple(side.embedding(row) for side, row in zip(sides, ids, strict=True))
    starts = tuple(side.embedding(row) for side, row in zip(sides, replaced, strict=True))
    gradients = IntegratedGradients(forward).attribute(
        texts, starts, n_steps=result.nodes, method="gausslegendre"
    )
    by_input = InputXGradient(forward).attribute(tuple(text.requires_grad_() for text in texts))
    windows = tuple((1, text.shape[-1]) for text in texts)
    with torch.no_grad():
        occlusion = Occlusion(forward).attribute(
            texts, windows if len(sides) > 1 else windows[0], baselines=starts
        )
    for at in range(len(sides)):
        theirs = [values[at][0].detach() for values in (gradients, by_input, occlusion)]
        expected = [theirs[0].sum(-1), theirs[1].sum(-1), theirs[2][:, 0]]
        methods = (result.integrated_gradients, result.gradient_x_input, result.occlusion)
        for ours, values in zip(methods, expected, strict=True):
            np.testing.assert_allclose(ours[at][0], values.numpy(), atol=1e-4)


def test_an_integral_that_does_not_converge_is_said_not_to_hold():
    """A jump of a step function has no gradient anywhere."""
    import torch

    embedding = torch.nn.Embedding.from_pretrained(torch.tensor([[0.0], [1.0]]))

    def run(copies):
        values = embedding(torch.ones(copies, 1, dtype=torch.long))[:, :, 0]
        return (values > 0.5).float() + 0.0 * values

    side = InputSide((1,), embedding, None, 0, (False,))
    result = attribute_inputs((side,), run)
    assert result.nodes == MOST_NODES
    assert result.difference.tolist() == [1.0]
    assert result.error.tolist() == [1.0]


def test_a_sum_of_squares_is_attributed_by_hand():
    """f = sum of x^2 from 1 to 3: the mean gradient is 4, the way 2, so 8 for each token."""
    import torch

    embedding = torch.nn.Embedding.from_pretrained(torch.tensor([[1.0], [3.0]]))

    def run(copies):
        return embedding(torch.ones(copies, 2, dtype=torch.long)).square().sum(1)

    side = InputSide((1, 1), embedding, None, 0, (False, True))
    result = attribute_inputs((side,), run)
    assert result.integrated_gradients[0][0] == pytest.approx([8.0, 0.0])
    assert result.gradient_x_input[0][0] == pytest.approx([18.0, 18.0])
    assert result.occlusion[0][0] == pytest.approx([8.0, 0.0])
    assert (result.value[0], result.baseline[0], result.nodes) == (18.0, 10.0, 64)


def test_a_long_text_has_fewer_nodes(monkeypatch):
    import torch

    from llmcli.interpretability import input_attribution

    monkeypatch.setattr(input_attribution, "MOST_TOKENS", 256)
    embedding = torch.nn.Embedding.from_pretrained(torch.tensor([[0.0], [1.0]]))

    def run(copies):
        values = embedding(torch.ones(copies, 2, dtype=torch.long))[:, :, 0]
        return (values > 0.5).float().sum(1, keepdim=True) + 0.0 * values.sum(1, keepdim=True)

    side = InputSide((1, 1), embedding, None, 0, (False, False))
    result = attribute_inputs((side,), run)
    assert (result.nodes, result.error.tolist()) == (128, [1.0])
