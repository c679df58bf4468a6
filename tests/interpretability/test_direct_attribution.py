"""Direct logit attribution: sums that hold, in every family."""

import pytest

from llmcli.interpretability.architecture import output_stack
from llmcli.interpretability.direct_attribution import NoSum, attribute_directly, before_the_cap
from tests.interpretability.families import FAMILIES, WITHOUT_ATTENTION, WITHOUT_INTERFACE
from tests.interpretability.networks import network_of

EVERY = (*FAMILIES, *WITHOUT_INTERFACE, *WITHOUT_ATTENTION)
POSITION = -2


def difference_of(network, inputs):
    """The network's difference of its two greatest logits at a position, as a function."""
    import torch

    with torch.no_grad():
        best = network(**inputs).logits[0, POSITION].topk(2).indices

    def score():
        target, foil = network(**inputs).logits[0, POSITION, best]
        return target - foil

    return score


@pytest.mark.parametrize("family", EVERY, ids=[family.name for family in EVERY])
def test_embedding_attentions_mlps_and_bias_are_the_difference(family, family_folder):
    network, inputs = network_of(family, family_folder)
    score = difference_of(network, inputs)
    result = attribute_directly(network, output_stack(network), score)
    assert result.level == ("head-input" if family.kind == "masked" else "logits")
    assert result.sum == pytest.approx(result.total, abs=1e-4)
    if result.level == "logits":
        with before_the_cap(network):
            assert result.total == pytest.approx(float(score()), abs=1e-4)
    for share in result.shares:
        assert share.error <= 1e-5
        if share.kind != "mlp":
            assert share.heads.shape == (2,)
            assert share.heads.sum() + share.bias == pytest.approx(share.value, abs=1e-5)


def test_the_cap_of_gemma_2_is_taken_away_for_the_split_alone(family_folder):
    family = next(family for family in FAMILIES if family.name == "gemma2")
    network, inputs = network_of(family, family_folder)
    score = difference_of(network, inputs)
    capped = float(score())
    result = attribute_directly(network, output_stack(network), score)
    assert abs(result.total - capped) > 1e-3
    assert float(score()) == capped


def test_what_an_attention_adds_is_what_is_missing_without_it_up_to_frozen_norms(family_folder):
    """GPT-2's last MLP adds to the stream after all else: without it, its share is missing."""
    import torch

    family = FAMILIES[0]
    network, inputs = network_of(family, family_folder)
    score = difference_of(network, inputs)
    result = attribute_directly(network, output_stack(network), score)
    norm, last = network.transformer.ln_f, network.transformer.h[-1].mlp
    state = {}
    hook = norm.register_forward_pre_hook(lambda module, args: state.update(stream=args[0]))
    added = last.register_forward_hook(lambda module, args, output: state.update(mlp=output))
    logits = network(**inputs).logits[0, POSITION]
    hook.remove()
    added.remove()
    stream, mlp = (state[name][0, POSITION].double() for name in ("stream", "mlp"))
    scale = norm.weight.double() / (stream.var(unbiased=False) + norm.eps).sqrt()
    target, foil = network.lm_head.weight[logits.topk(2).indices].double()
    by_hand = ((mlp - mlp.mean()) * scale * (target - foil)).sum()
    assert result.shares[-1].value == pytest.approx(float(by_hand.detach()), abs=1e-5)
    assert torch.is_grad_enabled()


def test_a_network_without_parts_has_no_sum(family_folder):
    from dataclasses import replace

    network, inputs = network_of(FAMILIES[0], family_folder)
    stack = output_stack(network)
    empty = replace(stack, blocks=tuple(replace(block, parts=()) for block in stack.blocks))
    with pytest.raises(NoSum, match="no-parts"):
        attribute_directly(network, empty, difference_of(network, inputs))
