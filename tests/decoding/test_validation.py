"""Numbers out of range, and those by which other programs switch a setting off."""

import pytest

from llmcli.decoding.validation import check_decoding
from llmcli.errors import UsageError
from llmcli.spec import Decoding


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 0},
        {"top_k": -1},
        {"min_p": 0},
        {"min_p": -1},
        {"min_p": 0.0},
        {"top_p": -1},
        {"seed": -1},
    ],
)
def test_off_is_as_if_it_were_left_out(settings):
    assert Decoding(**settings) == Decoding()
    assert not Decoding(**settings).samples
    check_decoding(Decoding(**settings))


@pytest.mark.parametrize(
    ("settings", "off"),
    [
        ({"repetition_penalty": 0}, {"repetition_penalty": 1.0}),
        ({"repetition_penalty": -1}, {"repetition_penalty": 1.0}),
        ({"no_repeat_ngram_size": -1}, {"no_repeat_ngram_size": 0}),
        ({"num_beams": 0}, {"num_beams": 1}),
        ({"num_beams": -1}, {"num_beams": 1}),
    ],
)
def test_off_is_off_whatever_the_model_says(settings, off):
    assert Decoding(**settings) == Decoding(**off) != Decoding()
    check_decoding(Decoding(**settings))


@pytest.mark.parametrize("settings", [{"seed": 0}, {"temperature": 0}, {"top_p": 1.0}])
def test_other_zeros_and_ones_keep_their_meaning(settings):
    (name, value) = next(iter(settings.items()))
    assert getattr(Decoding(**settings), name) == value
    check_decoding(Decoding(**settings))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"top_k": -2}, "`top_k` -2 is out of range: leave it out"),
        ({"top_p": 0}, "`top_p` 0 .* `temperature`=0 takes the likeliest"),
        ({"top_p": 1.5}, "`top_p` 1.5"),
        ({"min_p": 2}, "`min_p` 2"),
        ({"temperature": -1}, "`temperature` -1 .* 0 is greedy"),
        ({"temperature": float("nan")}, "`temperature` nan"),
        ({"repetition_penalty": -0.5}, "1 is off"),
        ({"max_new_tokens": 0}, "-1 is as many as fit"),
        ({"max_new_tokens": -2}, "-1 is as many as fit"),
        ({"num_return_sequences": 0}, "leave it out for one text"),
        ({"seed": -2}, "-1, for another one each time"),
        ({"logprobs": -1}, "0 is off"),
    ],
)
def test_another_number_is_refused_with_what_to_give(settings, words):
    with pytest.raises(UsageError, match=words):
        check_decoding(Decoding(**settings))
