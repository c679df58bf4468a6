"""What each family has for positions, compared with what the model computes."""

import numpy as np
import pytest
import torch

from llmcli.interpretability.positions import MOST
from llmcli.interpretability.sections.embeddings import build
from tests.interpretability.predictions import settings_of, study_of

TEXT = "the cat sat"


def positions(folder, name):
    study = study_of(folder(name), TEXT, **settings_of(name))
    return study, build(study, study.options).positions


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("gpt2", "learned"),
        ("opt", "learned"),
        ("bert", "learned"),
        ("roberta", "learned"),
        ("llama", "rotary"),
        ("gpt_neox", "rotary"),
        ("falcon", "rotary"),
        ("bloom", "alibi"),
        ("mpt", "alibi"),
        ("mamba", "none"),
    ],
)
def test_each_family_is_recognized(name, code, family_folder):
    _, (position,) = positions(family_folder, name)
    assert (position.stack, position.code) == ("self", code)


@pytest.mark.parametrize(("name", "code"), [("marian", "sinusoidal"), ("m2m100", "sinusoidal")])
def test_both_stacks_of_a_translator_have_sines(name, code, family_folder):
    _, stacks = positions(family_folder, name)
    assert [(each.stack, each.code) for each in stacks] == [("encoder", code), ("decoder", code)]
    # cos(a - b) of Vaswani et al. 2017: the same distance has the same similarity.
    values = stacks[0].values
    assert values.diagonal(3) == pytest.approx(np.full(len(values) - 3, values[0, 3]), abs=1e-5)


@pytest.mark.parametrize("name", ["opt", "roberta"])
def test_learned_vectors_begin_at_the_first_position(name, family_folder):
    study, (position,) = positions(family_folder, name)
    module = next(m for n, m in study.network.named_modules() if n.split(".")[-1] in TABLES)
    seen = []
    handle = module.register_forward_hook(lambda _, __, output: seen.append(output))
    study.run()
    handle.remove()
    vectors = torch.nn.functional.normalize(seen[0].reshape(-1, seen[0].shape[-1]), dim=-1)
    count = len(vectors)
    assert position.values[:count, :count] == pytest.approx((vectors @ vectors.T).numpy(), abs=1e-5)


TABLES = ("embed_positions", "position_embeddings")


def test_angles_are_those_by_which_the_model_turns(family_folder):
    study, (position,) = positions(family_folder, "llama")
    rotary = study.network.model.rotary_emb
    cos, sin = rotary(torch.zeros(1, MOST, 1), torch.arange(MOST)[None])
    half = cos.shape[-1] // 2
    assert np.cos(position.values) == pytest.approx(cos[0, :, :half].numpy(), abs=1e-5)
    assert np.sin(position.values) == pytest.approx(sin[0, :, :half].numpy(), abs=1e-5)


@pytest.mark.parametrize("name", ["bloom", "mpt"])
def test_alibi_falls_by_a_slope_for_each_head(name, family_folder):
    _, (position,) = positions(family_folder, name)
    # Press et al. 2022: for two heads the slopes are 1/16 and 1/256.
    expected = [[2.0**-4 * d, 2.0**-8 * d] for d in position.distances]
    assert position.values.T == pytest.approx(np.array(expected), abs=1e-6)


def test_t5_has_a_bias_for_each_distance(family_folder):
    study, (encoder, decoder) = positions(family_folder, "t5")
    assert (encoder.code, decoder.code) == ("bias", "bias")
    assert encoder.distances == tuple(range(1 - MOST, MOST))
    assert decoder.distances == tuple(range(1 - MOST, 1))
    captured = next(each for each in study.attentions if each.site.part == "encoder")
    bias = captured.mask[0]  # (H, T, T): nothing is masked in an encoder of one text
    for query, key in ((0, 4), (5, 1), (2, 2)):
        column = encoder.distances.index(key - query)
        assert encoder.values[:, column] == pytest.approx(bias[:, query, key].numpy(), abs=1e-6)
