"""The logit lens: its last layer is the model's own output, and its rows are what they say."""

import numpy as np
import pytest

from llmcli.interpretability.sections import layers
from tests.interpretability.families import FAMILIES, WITHOUT_ATTENTION, WITHOUT_INTERFACE
from tests.interpretability.studies import study_of
from tests.tiny_models import labels, make_bert

EN_FR = {"from_lang": "en", "to_lang": "fr"}
LANGUAGES = {"t5": EN_FR, "m2m100": EN_FR}
EVERY = (*FAMILIES, *WITHOUT_INTERFACE, *WITHOUT_ATTENTION)


@pytest.mark.parametrize("family", EVERY, ids=[family.name for family in EVERY])
def test_the_last_layer_gives_the_logits(family, family_folder):
    study = study_of(family_folder(family.name), family.kind, **LANGUAGES.get(family.name, {}))
    assert layers.reason_against(study) is None
    result = layers.build(study, study.options)
    (check,) = result.checks
    assert check.error <= 1e-5 and check.holds
    own = study.logits.softmax(-1)
    np.testing.assert_allclose(result.probability[-1, :, 0], own.max(-1).values, atol=1e-5)
    np.testing.assert_allclose(result.divergence[-1], 0, atol=1e-5)
    rows, tokens = len(result.norm), len(study.side.tokens)
    assert result.top.shape == (rows, tokens, 5)
    assert result.norm.shape == (rows, tokens) == result.final_probability.shape


def test_a_layer_of_gpt2_is_read_with_its_own_norm_and_matrix(family_folder):
    import torch

    study = study_of(family_folder("gpt2"), "causal")
    result = layers.build(study, study.options)
    network = study.network
    state = study.outputs.hidden_states[1][0]  # after the first of two blocks
    with torch.no_grad():
        logs = network.lm_head(network.transformer.ln_f(state)).log_softmax(-1)
    final = study.logits.log_softmax(-1)
    best = logs.topk(5)
    assert result.top[1].tolist() == best.indices.tolist()
    np.testing.assert_allclose(result.probability[1], best.values.exp(), rtol=1e-4)
    divergence = torch.nn.functional.kl_div(logs, final, log_target=True, reduction="none").sum(-1)
    np.testing.assert_allclose(result.divergence[1], divergence, atol=1e-5)
    np.testing.assert_allclose(result.norm[1], state.norm(dim=-1), rtol=1e-5)
    preferred = logs.exp()[torch.arange(len(logs)), final.argmax(-1)]
    np.testing.assert_allclose(result.final_probability[1], preferred, rtol=1e-4)
    assert result.names[int(result.top[0, 0, 0])] == study.name(int(result.top[0, 0, 0]))


@pytest.mark.parametrize("head", ["SequenceClassification", "TokenClassification"])
def test_the_layers_of_a_classifier_and_a_tagger_are_read_with_their_head(head, tmp_path):
    words = ("the", "cat", "sat", "on", "mats")
    named = labels({0: "a", 1: "b", 2: "c"})
    folder = make_bert(tmp_path / "m", head, words, num_hidden_layers=2, **named)
    task = "classification" if head.startswith("Seq") else "token-classification"
    study = study_of(folder, "masked", "the cat sat", task=task)
    result = layers.build(study, study.options)
    assert result.whole == (task == "classification")
    assert set(result.names.values()) == {"a", "b", "c"}
    own = study.logits.softmax(-1).reshape(-1, 3).max(-1).values
    np.testing.assert_allclose(result.probability[-1, :, 0], own, rtol=1e-5)
    assert result.probability.shape == (3, len(own), 3)
    assert result.checks[0].holds


def test_a_wrong_last_layer_is_shown_as_failed(family_folder, monkeypatch):
    study = study_of(family_folder("llama"), "causal")
    right = layers.residual_stream
    monkeypatch.setattr(layers, "residual_stream", lambda *args: right(*args) * -1.0)
    assert not layers.build(study, study.options).checks[0].holds


def test_an_answer_model_has_no_lens(tmp_path):
    folder = make_bert(tmp_path / "m", "QuestionAnswering")
    study = study_of(folder, "masked", "the cat", task=None, question="sat")
    assert "no distribution" in layers.reason_against(study)
