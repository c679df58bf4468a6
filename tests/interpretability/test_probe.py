"""The probe records what eager attention computes, and changes nothing."""

import pytest
import torch
from transformers import AttentionInterface, AttentionMaskInterface

from llmcli.engines.pytorch import loading
from llmcli.interpretability.probe import NAME, Site, has_interface, probed, without_heads
from llmcli.spec import ModelSpec
from tests.tiny_models import BLOOM, make_causal


@pytest.fixture(scope="module")
def starter():
    return loading.load(ModelSpec("gpt2-stories", dtype="float32"), ("causal",))


@torch.no_grad()
def test_the_network_has_its_own_attention_again_afterwards(starter):
    network, ids = starter.network, torch.tensor([[5, 6, 7]])
    before = network.config._attn_implementation
    plain = network(input_ids=ids).logits
    with pytest.raises(RuntimeError, match="broken"), probed(network, _break):
        network(input_ids=ids)
    assert network.config._attn_implementation == before
    assert NAME not in AttentionInterface._global_mapping
    assert NAME not in AttentionMaskInterface._global_mapping
    assert torch.equal(network(input_ids=ids).logits, plain)


def _break(captured):
    raise RuntimeError("broken")


@torch.no_grad()
def test_probes_in_one_another_are_told_apart(starter):
    network, ids = starter.network, torch.tensor([[5, 6, 7]])
    outer, inner = [], []
    with probed(network, outer.append):
        with probed(network, inner.append):
            network(input_ids=ids)
        network(input_ids=ids[:, :2])
    assert [part.weights.shape[-1] for part in inner] == [3] * 6
    assert [part.weights.shape[-1] for part in outer] == [2] * 6


@torch.no_grad()
def test_a_head_is_taken_away_in_the_rows_that_say_so(starter):
    network, ids = starter.network, torch.tensor([[5, 6, 7]] * 2)
    factors = torch.ones(2, 4)
    factors[1, 2] = 0
    plain = network(input_ids=ids).logits
    with probed(network, edit=without_heads({Site("self", 0): factors})):
        changed = network(input_ids=ids).logits
    assert torch.allclose(changed[0], plain[0], atol=1e-4)
    assert (changed[1] - plain[1]).abs().max() > 0.01


def test_a_model_without_an_attention_interface_is_known(bpe, tmp_path):
    folder = make_causal(bpe, tmp_path / "bloom", **BLOOM)
    loaded = loading.load(ModelSpec(str(folder), dtype="float32"), ("causal",))
    assert not has_interface(loaded.network)
