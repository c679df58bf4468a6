"""Start and end scores of an answer model, attributed to tokens."""

import numpy as np
import pytest

from llmcli.errors import InputError
from llmcli.interpretability.sections import answer_scores
from tests.interpretability.studies import study_of
from tests.tiny_models import MORE_WORDS, WORDS, make_bert


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return make_bert(tmp_path_factory.mktemp("r") / "m", "QuestionAnswering", WORDS + MORE_WORDS)


def studied(reader, **choices):
    choices = {"question": "who sat ?", "task": None, **choices}
    return study_of(reader, "masked", "the cat sat on mats", **choices)


def test_both_scores_of_the_best_span_are_attributed(reader):
    study = studied(reader)
    result = answer_scores.build(study, study.options)
    first, end = result.content
    assert (first, end) == (5, 10)  # [CLS] who sat ? [SEP] the cat sat on mats [SEP]
    starts, ends = study.outputs.start_logits[0], study.outputs.end_logits[0]
    spans = {(i, j): float(starts[i] + ends[j]) for i in range(first, end) for j in range(i, end)}
    best = max(spans, key=spans.get)
    assert (result.start.position, result.end.position) == best
    words = "the cat sat on mats".split()
    assert result.answer == " ".join(words[best[0] - first : best[1] - first + 1])
    scores = np.exp(list(spans.values()))
    assert result.probability == pytest.approx(np.exp(spans[best]) / scores.sum(), 1e-4)
    for edge, logits in ((result.start, starts), (result.end, ends)):
        np.testing.assert_allclose(edge.logits, logits, rtol=1e-6)
        assert edge.probabilities.sum() == pytest.approx(1, abs=1e-5)
        assert not edge.probabilities[:first].any() and not edge.probabilities[end:].any()
        others = [float(logits[at]) for at in range(first, end) if at != edge.position]
        against = float(logits[edge.position]) - sum(others) / len(others)
        assert edge.tokens.value == pytest.approx(against, abs=1e-4)
        assert edge.tokens.holds
        assert np.abs(edge.tokens.sides[0].integrated_gradients[1:4]).max() > 0  # the question
    assert result.checks[0].holds


def test_another_span_can_be_explained(reader):
    study = studied(reader, target="cat sat")
    result = answer_scores.build(study, study.options)
    assert (result.start.position, result.end.position, result.answer) == (6, 7, "cat sat")
    study = studied(reader, target="dog")
    with pytest.raises(InputError, match="not in the text"):
        answer_scores.build(study, study.options)


def test_only_an_answer_model_has_answers(family_folder):
    study = study_of(family_folder("gpt2"), "causal")
    assert answer_scores.reason_against(study) == "it is no answer model"
