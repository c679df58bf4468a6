"""Sentences in capitals, as models read them."""

import pytest

from llmcli.inference.translation.capitals import lowered, upper_case

WORDS = {"stop", "really", "i", "love", "my", "dog", "NASA"}


def count(text):
    """A vocabulary of lower-case words: others fall into letters."""
    return sum(
        1 if word.strip(".!") in WORDS else len(word)
        for word in text[0].lower().join(["", text[1:]]).split()
    )


@pytest.mark.parametrize(
    ("text", "language", "lower", "is_capital"),
    [
        ("I LOVE MY DOG.", "en", "I love my dog.", True),
        ("STOP!", "en", "Stop!", True),
        ("I REALLY love my dog.", "en", "I really love my dog.", False),
        ("NASA", "en", "NASA", False),
        ("I love NASA", "en", "I love NASA", False),
        ("I love my dog.", "en", "I love my dog.", False),
        ("我爱你", "zh", "我爱你", False),
    ],
)
def test_capitals_are_read_in_lower_case_where_the_model_has_more_words_so(
    text, language, lower, is_capital
):
    read = lowered(text, language, count)
    assert (read.text, read.is_capital) == (lower, is_capital)


def test_turkish_has_two_letters_i():
    assert lowered("IŞIK İYİ.", "tr", lambda text: -sum(map(str.islower, text))).text == "Işık iyi."
    assert upper_case("iyi ışık", "tr") == "İYİ IŞIK"
