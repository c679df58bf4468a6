"""Scores of heads that are made by hand, whose kind is known."""

import numpy as np
import pytest

from llmcli.interpretability.head_kinds import (
    head_scores,
    induction_score,
    kind_of,
    relative_entropy,
)

IDS = np.array([5, 7, 5, 9])
SAME = (IDS[:, None] == IDS[None]).astype(np.float32)
CAUSAL = np.tril(np.ones((4, 4), np.float32))
ALL = np.ones((4, 4), np.float32)


def rows(*places: int) -> np.ndarray:
    """A head (1, T, T) that puts all weight of row t on places[t]."""
    return np.eye(4, dtype=np.float32)[list(places)][None]


@pytest.mark.parametrize(
    ("kind", "direction", "weights", "visible"),
    [
        ("previous", "causal", rows(0, 0, 1, 2), CAUSAL),
        ("first", "causal", rows(0, 0, 0, 0), CAUSAL),
        ("same", "causal", rows(0, 1, 0, 3), CAUSAL),
        ("broad", "causal", CAUSAL[None] / CAUSAL.sum(-1)[:, None], CAUSAL),
        ("next", "bidirectional", rows(1, 2, 3, 0), ALL),
        ("last", "bidirectional", rows(3, 3, 3, 1), ALL),
        ("broad", "bidirectional", ALL[None] / 4, ALL),
        ("last", "cross", rows(3, 3, 3, 3), ALL),
    ],
)
def test_a_head_that_does_one_thing_is_of_that_kind(kind, direction, weights, visible):
    scores = head_scores(direction, weights, visible, SAME)
    assert scores[kind] == pytest.approx([1.0])
    assert kind_of({name: float(score[0]) for name, score in scores.items()}) == kind


def test_scores_are_means_over_rows_that_see_several_positions():
    weights = np.array(
        [[[1, 0, 0, 0], [0.25, 0.75, 0, 0], [0.5, 0.25, 0.25, 0], [0.1, 0.2, 0.3, 0.4]]], np.float32
    )
    scores = head_scores("causal", weights, CAUSAL, SAME)
    assert scores["previous"] == pytest.approx([(0.25 + 0.25 + 0.3) / 3])
    assert scores["first"] == pytest.approx([(0.25 + 0.5 + 0.1) / 3])
    assert scores["same"] == pytest.approx([(0.75 + (0.5 + 0.25) + 0.4) / 3])


def test_equal_weights_have_all_the_entropy_and_one_weight_none():
    weights = np.array([[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.0, 1.0, 0.0]], np.float32)
    visible = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1]], np.float32)
    assert relative_entropy(weights, visible) == pytest.approx([1.0, 1.0, 0.0])


def test_induction_is_the_weight_on_what_followed_the_same_token_before():
    weights = np.zeros((1, 7, 7), np.float32)  # a token in front, then three tokens twice
    weights[0, 4, 2], weights[0, 5, 3], weights[0, 6, 4] = 0.9, 0.6, 0.3
    assert induction_score(weights, 1, 3) == pytest.approx([0.6])


def test_one_token_has_no_scores():
    scores = head_scores("causal", np.ones((2, 1, 1), np.float32), np.ones((1, 1)), np.ones((1, 1)))
    assert np.isnan([*scores.values()]).all()
    assert kind_of({name: float(score[0]) for name, score in scores.items()}) == "mixed"
