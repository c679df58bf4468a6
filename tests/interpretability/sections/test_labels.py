"""Labels of classifiers and taggers, attributed to tokens."""

import numpy as np
import pytest

from llmcli.errors import InputError
from llmcli.interpretability.sections import labels
from tests.interpretability.studies import study_of
from tests.tiny_models import MORE_WORDS, WORDS, make_bert
from tests.tiny_models import labels as named

TEXT = "the cat sat on mats"
THREE = named({0: "a", 1: "b", 2: "c"})


def studied(tmp_path, head="SequenceClassification", **settings):
    choices = {key: settings.pop(key) for key in ("target", "position") if key in settings}
    folder = make_bert(tmp_path / "m", head, WORDS + MORE_WORDS, **settings)
    task = "classification" if head.startswith("Seq") else "token-classification"
    return study_of(folder, "masked", TEXT, task=task, **choices)


def test_each_label_is_attributed_against_the_mean_of_the_others(tmp_path):
    study = studied(tmp_path, **THREE)
    result = labels.build(study, study.options)
    assert result.against and result.position is None
    order = study.logits.argsort(descending=True).tolist()
    assert [each.label for each in result.attributions] == ["abc"[at] for at in order]
    for each, at in zip(result.attributions, order, strict=True):
        others = [study.logits[other] for other in range(3) if other != at]
        assert each.tokens.value == pytest.approx(float(study.logits[at] - sum(others) / 2), 1e-4)
        assert each.tokens.holds
        assert each.tokens.baseline == "[MASK]"
        assert each.probability == pytest.approx(float(study.logits.softmax(-1)[at]), 1e-5)
        side = each.tokens.sides[0]
        assert side.integrated_gradients[0] == side.integrated_gradients[-1] == 0  # [CLS], [SEP]
    assert result.checks[0].holds


def test_two_labels_have_opposite_numbers(tmp_path):
    study = studied(tmp_path)
    one, two = labels.build(study, study.options).attributions
    for name in ("integrated_gradients", "gradient_x_input", "occlusion"):
        left, right = (getattr(each.tokens.sides[0], name) for each in (one, two))
        np.testing.assert_allclose(left, -right, atol=1e-5)


def test_independent_labels_and_a_number_are_attributed_alone(tmp_path):
    study = studied(tmp_path / "many", problem_type="multi_label_classification", **THREE)
    result = labels.build(study, study.options)
    assert not result.against
    best = result.attributions[0]
    assert best.tokens.value == pytest.approx(best.logit, abs=1e-5)
    assert best.probability == pytest.approx(1 / (1 + np.exp(-best.logit)), 1e-4)
    study = studied(tmp_path / "number", num_labels=1)
    (number,) = labels.build(study, study.options).attributions
    assert number.probability is None
    assert number.tokens.value == pytest.approx(float(study.logits[0]), abs=1e-5)


def test_the_label_of_one_token_is_explained_of_a_tagger(tmp_path):
    study = studied(tmp_path, "TokenClassification", position=2, **THREE)
    result = labels.build(study, study.options)
    assert result.position == 2
    assert result.probabilities.shape == (7, 3)
    assert result.best.tolist() == study.logits.argmax(-1).tolist()
    best = result.attributions[0]
    assert best.logit == pytest.approx(float(study.logits[2].max()), abs=1e-5)
    assert best.tokens.holds


def test_a_label_that_is_asked_for_is_among_the_attributed(tmp_path):
    many = named({at: f"label {at}" for at in range(9)})
    study = studied(tmp_path, **many)
    worst = labels.build(study, study.options)
    assert len(worst.attributions) == labels.MOST and "3 less probable" in worst.notes[0]
    last = f"label {int(study.logits.argmin())}"
    study = studied(tmp_path / "again", target=last, **many)
    assert labels.build(study, study.options).attributions[0].label == last
    study = studied(tmp_path / "wrong", target="no label", **many)
    with pytest.raises(InputError, match="no label of"):
        labels.build(study, study.options)


def test_a_model_of_words_has_no_labels(family_folder):
    study = study_of(family_folder("gpt2"), "causal")
    assert "no labels" in labels.reason_against(study)
