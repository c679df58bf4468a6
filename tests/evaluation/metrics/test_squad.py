"""Exact match and F1 of answers, by hand."""

import pytest

from llmcli.evaluation.metrics.squad import answer_f1, exact_match, normalize_answer


@pytest.mark.parametrize(
    ("said", "gold", "exact", "f1"),
    [
        ("the Jane Austen.", ["Jane Austen"], 1, 1),
        ("Jane", ["Jane Austen"], 0, 2 / 3),
        ("by Jane Austen, in 1815", ["Austen", "1815", "Jane Austen"], 0, 4 / 7),
        ("Tom", ["Jane"], 0, 0),
        ("", [], 1, 1),
        ("Tom", [], 0, 0),
        ("", ["Jane"], 0, 0),
        ("cat cat", ["cat"], 0, 2 / 3),
        ("anthem", ["them"], 0, 0),
        ("the", ["a"], 1, 1),
    ],
)
def test_answers_by_hand(said, gold, exact, f1):
    assert exact_match(said, gold) == exact
    assert answer_f1(said, gold) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("An  A-team; the «the» (a.b)", "ateam « » ab"),
        ("ÀTHE the\tLa", "àthe la"),
        ("don't", "dont"),
        ("…a…", "… …"),
    ],
)
def test_answers_are_normalized_as_by_the_official_script(text, expected):
    assert normalize_answer(text) == expected  # what that script gives
