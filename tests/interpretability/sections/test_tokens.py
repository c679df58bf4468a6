"""Tokens and their surprisal, against log-probabilities that are computed here."""

import math

import numpy as np
import pytest

from llmcli.data.rows import Row
from llmcli.interpretability.load import load_subject
from llmcli.interpretability.sections import tokens
from llmcli.interpretability.study import Study
from llmcli.spec import ModelSpec
from llmcli.spec.explain import ExplainOptions


def studied(folder, text, **options):
    settings = ExplainOptions(**options)
    row = Row(1, text)
    return Study(load_subject(ModelSpec(str(folder)), settings), row, settings)


def found(study):
    return tokens.build(study, study.options)


def test_a_causal_models_row_t_predicts_token_t_plus_1(tiny_gpt2):
    study = studied(tiny_gpt2, "the cat sat on the mat")
    result = found(study)
    (prediction,) = result.predictions
    ids = study.side.ids
    logprobs = study.logits.double().log_softmax(-1).numpy()
    assert math.isnan(prediction.surprisal[0]) and prediction.ranks[0] == 0
    wanted = [-logprobs[at - 1, ids[at]] for at in range(1, len(ids))]
    np.testing.assert_allclose(prediction.surprisal[1:], wanted, rtol=1e-5)
    assert prediction.total == pytest.approx(sum(wanted), rel=1e-5)
    assert prediction.count == len(ids) - 1
    for at in range(1, len(ids)):
        row = logprobs[at - 1]
        assert prediction.likely_ids[at].tolist() == np.argsort(-row)[:10].tolist()
        assert prediction.ranks[at] == 1 + (row > row[ids[at]]).sum()
        assert prediction.entropy[at] == pytest.approx(-(np.exp(row) * row).sum(), rel=1e-5)
    assert prediction.likely_names[0] == () and len(prediction.likely_names[1]) == 10


def test_words_are_sums_of_their_tokens(tiny_gpt2):
    result = found(studied(tiny_gpt2, "the moon looked 看电影"))
    nats = result.predictions[0].surprisal
    assert [word.text for word in result.words] == ["the", "moon", "looked", "看", "电", "影"]
    assert [word.first for word in result.words[1:]] == [word.end for word in result.words[:-1]]
    assert sum(word.nats for word in result.words if not math.isnan(word.nats)) == pytest.approx(
        np.nansum(nats)
    )


def test_a_masked_model_predicts_a_token_masked_and_in_view(tiny_masked):
    study = studied(tiny_masked, "the cat sat")
    masked, seen = found(study).predictions
    assert (masked.name, seen.name) == ("masked", "seen")
    ids = study.inputs["input_ids"].clone()
    ids[0, 2] = study.loaded.tokenizer.mask_token_id
    logits = study.run({**study.inputs, "input_ids": ids}).logits[0, 2]
    token = study.side.ids[2]
    assert masked.surprisal[2] == pytest.approx(-float(logits.log_softmax(-1)[token]), rel=1e-5)
    in_view = -float(study.logits[2].log_softmax(-1)[token])
    assert seen.surprisal[2] == pytest.approx(in_view, rel=1e-5)
    assert np.isnan(masked.surprisal[[0, -1]]).all()
    assert masked.count == 3


def test_a_gap_has_no_surprisal_but_a_prediction(tiny_masked):
    study = studied(tiny_masked, "the [MASK] sat")
    masked, seen = found(study).predictions
    assert math.isnan(masked.surprisal[2]) and masked.count == 2
    best = study.logits[2].argmax().item()
    assert masked.likely_ids[2, 0] == seen.likely_ids[2, 0] == best


def test_the_end_of_a_target_is_predicted_too(tiny_marian):
    study = studied(tiny_marian, "the cat", translation="le chat", to_lang="fr")
    result = found(study)
    assert len(result.tokens) == len(study.side.tokens) + 1
    end = study.reading.following[-1]
    assert result.ids[-1] == end
    wanted = -float(study.logits[-1].log_softmax(-1)[end])
    assert result.predictions[0].surprisal[-1] == pytest.approx(wanted, rel=1e-5)
    assert math.isnan(result.predictions[0].surprisal[0])
