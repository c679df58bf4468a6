"""What a prediction is about, and what can be asked for."""

import numpy as np
import pytest

from llmcli.errors import InputError
from tests.interpretability.predictions import outcome

STORY = "Once upon a time, the little cat sat on the mat. One day the little"
QUESTION = {"task": "question-answering", "question": "Where does Tom live?"}
PARIS = "Tom lives in Paris with his cat."


def test_a_token_is_found_with_the_space_before_it():
    assert outcome("gpt2-stories", STORY).name(outcome("gpt2-stories", STORY).target) == " cat"
    of = outcome("gpt2-stories", STORY, target="dog", foil=" girl")
    assert of.name(of.target) == " dog" and of.name(of.foil) == " girl"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "electroencephalograph"}, "`target` 'electroencephalograph' is .* tokens of"),
        ({"target": "cat", "foil": " cat"}, "`foil` ' cat' is the target itself"),
    ],
)
def test_what_is_no_token_is_refused(settings, message):
    of = outcome("gpt2-stories", STORY, **settings)
    with pytest.raises(InputError, match=message):
        _ = of.target, of.foil


def test_a_label_is_found_by_its_name():
    of = outcome("bert-en", "Great!", task="classification", target="negative")
    assert of.target == 0 and of.name(of.foil) == "positive"
    with pytest.raises(InputError, match="'bad' is no label of bert-en: 'negative', 'positive'"):
        _ = outcome("bert-en", "Great!", task="classification", target="bad").target


def test_an_answer_is_a_span_of_the_text():
    of = outcome("bert-en", PARIS, **QUESTION, target="Paris")
    assert of.name(of.target) == "Paris"
    outputs, content = of.study.outputs, of.study.reading.content
    first, last = of.span(of.target)
    expected = outputs.start_logits[0, first] + outputs.end_logits[0, last]
    assert float(of.baseline[of.target]) == pytest.approx(float(expected))
    sums = of.baseline.numpy().reshape(len(content), len(content))
    assert np.isneginf(sums[np.tril_indices(len(content), -1)]).all()
    with pytest.raises(InputError, match="'Rome' is not in the text that holds the answer"):
        _ = outcome("bert-en", PARIS, **QUESTION, target="Rome").target


def test_the_probability_of_an_answer_is_that_of_the_command():
    from llmcli import answer

    result = answer(QUESTION["question"], PARIS, model="bert-en")
    of = outcome("bert-en", PARIS, **QUESTION)
    assert of.name(of.target).strip() == result.answer
    probability = float(of.log_probabilities(of.baseline[None])[0, of.target].exp())
    assert probability == pytest.approx(result.score, abs=0.02)
