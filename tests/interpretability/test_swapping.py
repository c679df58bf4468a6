"""A word in the place of another, and what it changes."""

import pytest
import torch

from llmcli.errors import InputError
from llmcli.interpretability.swapping import swap_word
from tests.interpretability.families import TARGET
from tests.interpretability.predictions import outcome, settings_of

TEXT = "the cat sat on the mat. the cat sat"


@pytest.mark.parametrize("name", ["gpt2", "bert", "t5"])
def test_a_word_swapped_for_itself_changes_nothing(name, family_folder):
    swap = swap_word(outcome(family_folder(name), TEXT, **settings_of(name)), "cat", "cat")
    assert (swap.count, swap.text, swap.divergence) == (2, TEXT, 0.0)
    assert swap.gains == swap.losses == ()
    assert swap.best[0] == swap.best[1]


def test_the_distributions_are_those_of_both_texts(family_folder):
    of = outcome(family_folder("gpt2"), TEXT)
    other = outcome(family_folder("gpt2"), "the moonlight sat on the mat. the moonlight sat")
    swap = swap_word(of, "cat", "moonlight")
    assert swap.text == other.study.row.text
    assert len(swap.tokens) == len(other.study.side.tokens) != swap.tokens_before
    before, after = of.baseline.log_softmax(-1), other.baseline.log_softmax(-1)
    expected = torch.nn.functional.kl_div(after, before, reduction="sum", log_target=True)
    assert swap.divergence == pytest.approx(float(expected), abs=1e-5)
    gain = swap.gains[0]
    best = int((after.exp() - before.exp()).argmax())
    assert gain.name == of.name(best)
    assert gain.before == pytest.approx(float(before[best].exp()), abs=1e-6)
    assert gain.after == pytest.approx(float(after[best].exp()), abs=1e-6)
    changes = [shift.after - shift.before for shift in swap.gains]
    assert changes == sorted(changes, reverse=True) and min(changes) > 0
    assert max(shift.after - shift.before for shift in swap.losses) < 0


@pytest.mark.parametrize(("position", "expected"), [(1, 1), (-1, 8), (-3, 6)])
def test_a_position_is_found_again_in_a_longer_text(position, expected, family_folder):
    # the CAT sat on the mat -> the good CAT sat on the mat, in word tokens between [CLS] and [SEP]
    of = outcome(family_folder("bert"), "the cat sat on the mat", position=position)
    swap = swap_word(of, "cat", "good dog")
    assert swap.tokens[swap.position] == of.study.side.tokens[position].name
    assert swap.position == expected


def test_a_translation_stays_while_its_source_changes(family_folder):
    of = outcome(family_folder("bart"), TEXT, translation=TARGET)
    swap = swap_word(of, "cat", "dog")
    assert swap.position == of.position
    study = of.study
    source = outcome(family_folder("bart"), swap.text, translation=TARGET).study.inputs["input_ids"]
    inputs = {"input_ids": source, "decoder_input_ids": study.inputs["decoder_input_ids"]}
    after = of.scores(study.run(inputs)).softmax(-1)[0]
    assert swap.best[1].after == pytest.approx(float(after.max()), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "old", "expected"),
    [
        ("A cat, a catalogue.", "cat", "A dog, a catalogue."),
        ("我明天要去看电影。", "电影", "我明天要去看dog。"),
        ("so $5 is (5)", "$5", "so dog is (5)"),
    ],
)
def test_words_are_whole_where_spaces_stand_between_them(text, old, expected):
    assert swap_word(outcome("gpt2-stories", text), old, "dog").text == expected


def test_a_word_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="`swap`: 'dgo' is no word of the text"):
        swap_word(outcome("gpt2-stories", "The dog sat."), "dgo", "cat")


def test_answers_are_compared_by_their_words():
    settings = {"task": "question-answering", "question": "Where does Tom live?"}
    of = outcome("bert-en", "Tom lives in Paris with his cat.", **settings)
    swap = swap_word(of, "Paris", "London")
    assert "Paris" in swap.best[0].name and "London" in swap.best[1].name
    assert swap.divergence is None
    assert swap.best[0].after == 0.0
