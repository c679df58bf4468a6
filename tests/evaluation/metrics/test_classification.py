"""Metrics of classes: by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from llmcli.evaluation.metrics.classification import (
    accuracy,
    class_scores,
    confusion_matrix,
    macro_f1,
)

LABELS = ["a", "b", "c"]
DRAW = np.random.default_rng(7)
GOLD = [LABELS[at] for at in DRAW.choice(3, 400, p=[0.6, 0.3, 0.1])]
SAID = [gold if DRAW.random() < 0.7 else LABELS[DRAW.integers(3)] for gold in GOLD]


def test_class_scores_by_hand():
    gold, said = ["a", "a", "a", "b", "b", "c"], ["a", "a", "b", "b", "a", "a"]
    matrix = confusion_matrix(gold, said, LABELS)
    assert matrix.tolist() == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]
    assert accuracy(gold, said) == 3 / 6
    a, b, c = class_scores(matrix, LABELS)
    assert (a.precision, a.recall, a.f1, a.support) == (2 / 4, 2 / 3, 4 / 7, 3)
    assert (b.precision, b.recall, b.f1, b.support) == (1 / 2, 1 / 2, 1 / 2, 2)
    assert (c.precision, c.recall, c.f1, c.support) == (0, 0, 0, 1)  # never said
    assert macro_f1(matrix) == pytest.approx((4 / 7 + 1 / 2 + 0) / 3)


def test_classes_equal_scikit_learn():
    matrix = confusion_matrix(GOLD, SAID, LABELS)
    assert (matrix == sklearn.confusion_matrix(GOLD, SAID, labels=LABELS)).all()
    assert accuracy(GOLD, SAID) == sklearn.accuracy_score(GOLD, SAID)
    assert macro_f1(matrix) == pytest.approx(sklearn.f1_score(GOLD, SAID, average="macro"))
    expected = zip(*sklearn.precision_recall_fscore_support(GOLD, SAID, labels=LABELS), strict=True)
    for ours, theirs in zip(class_scores(matrix, LABELS), expected, strict=True):
        assert (ours.precision, ours.recall, ours.f1, ours.support) == pytest.approx(theirs)


def test_a_class_that_is_nowhere_is_left_out_of_the_mean():
    matrix = confusion_matrix(["a", "b"], ["a", "a"], LABELS)
    expected = sklearn.f1_score(["a", "b"], ["a", "a"], average="macro")
    assert macro_f1(matrix) == pytest.approx(expected)
