"""Words, given or found, and the tokens of each."""

import pytest

from llmcli.inference.words import given_words, named, running_words, words_of_tokens


def listed(words):
    return [words[at] for at in range(len(words))]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Tom  ran\thome", ["Tom", "ran", "home"]),
        ("10\u00a0000 km", ["10\u00a0000", "km"]),
        ("5\u202f% of", ["5\u202f%", "of"]),
        ("我\u3000们", ["我", "们"]),
        (["New York", "is"], ["New York", "is"]),
        ('["a b", "c"]', ["a b", "c"]),
        ("['a', 'b']", ["a", "b"]),
        ("[1] see", ["[1]", "see"]),
    ],
)
def test_given_words(value, expected):
    assert listed(given_words(value)) == expected


def test_what_is_no_list_of_words():
    assert given_words([1, 2]) is None
    assert given_words(3) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Emma, in (Paris).", ["Emma", ",", "in", "(", "Paris", ")", "."]),
        ("Tom's don't U.S. 3.5", ["Tom", "'s", "don't", "U.S", ".", "3.5"]),
        ("她爱Emma。", ["她", "爱", "Emma", "。"]),
        ("@tom 50% #x", ["@tom", "50%", "#x"]),
        ("10\u00a0km 😀", ["10\u00a0km", "😀"]),
        ("...", [".", ".", "."]),
    ],
)
def test_running_words(text, expected):
    assert listed(running_words(text)) == expected


def test_tokens_belong_to_the_word_after_their_space():
    words = given_words("a  cat sat")
    offsets = [(0, 1), (1, 2), (2, 5), (5, 6), (6, 8), (8, 10)]
    assert words_of_tokens(words, offsets) == [0, None, 1, 1, 2, 2]


def test_words_that_cannot_be_seen_are_named_by_their_codes():
    assert named("\u200b") == "'' (U+200B)"
    assert named("\ufe0f") == "'' (U+FE0F)"
    assert named("") == "'' (empty)"
    assert named("é") == "'é'"
