"""What the probe records of each family is the model's own, and what its formula gives."""

import numpy as np
import pytest
import torch

from llmcli.interpretability.recomputed import recomputed
from tests.interpretability.families import FAMILIES
from tests.interpretability.studies import study_of

STARTERS = [
    ("gpt2-stories", "causal", {}),
    ("bert-en", "masked", {}),
    ("marian-en-fr-zh", "seq2seq", {"to_lang": "fr", "from_lang": "en"}),
]


@pytest.fixture(
    scope="module",
    params=[*FAMILIES, *STARTERS],
    ids=lambda param: getattr(param, "name", None) or param[0],
)
def study(request, family_folder):
    if isinstance(request.param, tuple):
        model, kind, choices = request.param
        return study_of(model, kind, **choices)
    family = request.param
    return study_of(family_folder(family.name), family.kind, **family.needs)


def test_the_recorded_pass_has_the_logits_of_eager_attention(study):
    study.network.set_attn_implementation("eager")
    plain = study.run().logits
    assert torch.equal(study.probed(lambda captured: None).logits, plain)


def test_weights_and_their_sums_of_values_are_what_the_formula_gives(study):
    parts = {captured.site.part for captured in study.attentions}
    assert parts == ({"encoder", "decoder", "cross"} if study.kind == "seq2seq" else {"self"})
    for captured in study.attentions:
        weights, values = recomputed(captured)
        assert np.abs(captured.weights[0].numpy() - weights).max() < 1e-5
        assert np.abs(captured.output[0].numpy() - values).max() < 1e-5


def test_rows_sum_to_one_and_nothing_ahead_is_seen(study):
    for captured in study.attentions:
        weights = captured.weights[0].double()
        assert (weights.sum(-1) - 1).abs().max() < 1e-5
        is_causal = study.kind == "causal" or captured.site.part == "decoder"
        assert (weights.triu(1).max() == 0) == is_causal or captured.site.part == "cross"
