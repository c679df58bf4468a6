"""Why this word: sums that hold, for the families and the starters."""

import numpy as np
import pytest

from llmcli.errors import InputError
from llmcli.interpretability.sections import why
from tests.interpretability.families import FAMILIES, TARGET, TEXT
from tests.interpretability.studies import study_of
from tests.tiny_models import make_bert

LEVELS = {"causal": "logits", "masked": "head-input", "seq2seq": "logits"}
FRENCH = {"to_lang": "fr", "translation": "Le chat dort."}
STARTERS = (
    ("gpt2-stories", "causal", "Once upon a time there was a little", {}),
    ("bert-en", "masked", "The cat sat on the [MASK].", {}),
    ("marian-en-fr-zh", "seq2seq", "The cat sleeps.", FRENCH),
)
EN_FR = {"from_lang": "en", "to_lang": "fr"}
LANGUAGES = {"t5": EN_FR, "m2m100": EN_FR}
CASES = [(each.name, each.kind, TEXT, LANGUAGES.get(each.name, {})) for each in FAMILIES]


def check_sums(result, kind):
    by_name = {check.name: check for check in result.checks}
    assert by_name["why.parts"].error <= 1e-4
    assert by_name["why.heads"].error <= 1e-5
    assert all(check.holds for check in result.checks if check.name != "why.gradients")
    assert result.parts.level == LEVELS[kind]
    parts = result.parts
    total = parts.embedding + parts.bias
    total += sum(part.sum() for part in (parts.attention, parts.cross, parts.mlp))
    assert total == pytest.approx(parts.total, abs=1e-4)
    assert len(parts.cross) == (len(parts.mlp) if kind == "seq2seq" else 0)
    tokens = result.tokens
    assert tokens.holds == by_name["why.gradients"].holds == (tokens.error <= 0.01)
    if tokens.holds:
        assert tokens.sums[0] == pytest.approx(tokens.difference, rel=0.01, abs=1e-3)
    for at, name in enumerate(("integrated_gradients", "gradient_x_input", "occlusion")):
        whole = sum(getattr(side, name).sum() for side in tokens.sides)
        assert whole == pytest.approx(tokens.sums[at], abs=1e-3)
    assert tokens.value == pytest.approx(result.difference, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "kind", "text", "choices"), CASES, ids=[case[0] for case in CASES]
)
def test_the_difference_is_a_sum_in_every_family(name, kind, text, choices, family_folder):
    study = study_of(family_folder(name), kind, text, **choices)
    result = why.build(study, study.options)
    check_sums(result, kind)
    logits = study.logits[study.position]
    best = logits.topk(2).indices.tolist()
    assert [result.target.id, result.foil.id] == best
    assert result.difference == pytest.approx(float(logits[best[0]] - logits[best[1]]), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "kind", "text", "choices"), STARTERS, ids=[case[0] for case in STARTERS]
)
def test_the_difference_is_a_sum_in_the_starters(name, kind, text, choices):
    study = study_of(name, kind, text, **choices)
    result = why.build(study, study.options)
    check_sums(result, kind)
    assert result.tokens.holds
    assert [side.side for side in result.tokens.sides] == [side.name for side in study.sides]


def test_target_foil_and_position_are_chosen(family_folder):
    study = study_of(family_folder("gpt2"), "causal", target="the", foil="a", position=1)
    result = why.build(study, study.options)
    assert (result.target.name.strip(), result.foil.name.strip(), result.position) == (
        "the",
        "a",
        1,
    )
    sides = result.tokens.sides
    assert not np.any(sides[0].integrated_gradients[2:])  # what follows cannot matter
    assert not np.any(sides[0].occlusion[2:])


def test_the_target_of_a_translation_depends_on_the_source_too(family_folder):
    study = study_of(family_folder("bart"), "seq2seq", translation=TARGET)
    source, target = why.build(study, study.options).tokens.sides
    assert (source.side, target.side) == ("source", "target")
    assert np.abs(source.integrated_gradients).max() > 1e-3


def test_what_cannot_be_compared_is_one_line(family_folder):
    for choices in ({"target": "no such token"}, {"target": "the", "foil": "the"}):
        study = study_of(family_folder("gpt2"), "causal", **choices)
        with pytest.raises(InputError, match="`(target|foil)`"):
            why.build(study, study.options)


def test_blocks_that_are_shared_leave_the_tokens_alone(tmp_path):
    from transformers import AlbertConfig, AlbertForMaskedLM

    from tests.tiny_models import word_tokenizer

    tokenizer = word_tokenizer()
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    config = AlbertConfig(vocab_size=len(tokenizer), embedding_size=8, pad_token_id=0, **shape)
    AlbertForMaskedLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    study = study_of(tmp_path, "masked", "the cat [MASK]")
    result = why.build(study, study.options)
    assert (result.parts, result.no_parts) == (None, "shared-blocks")
    assert [check.name for check in result.checks] == ["why.gradients"]
    assert np.abs(result.tokens.sides[0].integrated_gradients).max() > 0


def test_models_without_words_say_where_to_look(tmp_path):
    classifier = make_bert(tmp_path / "c", "SequenceClassification")
    reader = make_bert(tmp_path / "r", "QuestionAnswering")
    study = study_of(classifier, "masked", "the cat", task="classification")
    assert "labels" in why.reason_against(study)
    study = study_of(reader, "masked", "the cat", task=None, question="sat")
    assert "answer-scores" in why.reason_against(study)
