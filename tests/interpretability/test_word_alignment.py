"""Tokens joined to words, and weights between words, by hand."""

import numpy as np
import pytest

from llmcli.interpretability.word_alignment import Word, merged, without_special, words_of


def test_tokens_of_a_word_are_joined_and_marks_stand_alone():
    words = words_of([None, " The", " ma", "t", ".", None])
    assert words == (Word("The", 1, 2), Word("mat", 2, 4), Word(".", 4, 5))


def test_a_chinese_token_is_a_word():
    assert [word.text for word in words_of([" 我", "喜欢", "黑", "猫", "。"])] == [
        "我",
        "喜欢",
        "黑",
        "猫",
        "。",
    ]


def test_weight_on_a_word_is_summed_and_from_a_word_is_averaged():
    weights = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3]], np.float32)
    sources = (Word("a", 0, 1), Word("bc", 1, 3))
    targets = (Word("x", 0, 1), Word("yz", 1, 3))
    assert merged(weights, targets, sources) == pytest.approx(
        np.array([[0.5, 0.5], [0.2, 0.8]]), abs=1e-6
    )


def test_special_columns_are_left_out_and_their_weight_is_told():
    weights = np.array([[0.6, 0.2, 0.2], [0.0, 0.0, 1.0]], np.float32)
    kept, left_out = without_special(weights, [False, False, True])
    assert kept == pytest.approx(np.array([[0.75, 0.25, 0.0], [0.0, 0.0, 0.0]]))
    assert left_out == pytest.approx([0.2, 1.0])
