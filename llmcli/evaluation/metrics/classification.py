"""Accuracy, confusion matrix, precision, recall and F1 of classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.arrays import Integers


def accuracy(expected: Sequence[Any], predicted: Sequence[Any]) -> float:
    """The fraction of predictions that are right.

    >>> accuracy(["a", "b", "b", "a"], ["a", "b", "a", "a"])
    0.75
    """
    right = sum(gold == label for gold, label in zip(expected, predicted, strict=True))
    return ratio(right, len(expected))


def confusion_matrix(
    expected: Sequence[str], predicted: Sequence[str], labels: Sequence[str]
) -> Integers:
    """How often each label was predicted for each: (L, L), rows expected, columns predicted.

    >>> confusion_matrix(["a", "a", "b"], ["a", "b", "b"], ["a", "b"]).tolist()
    [[1, 1], [0, 1]]
    """
    at = {label: number for number, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for gold, label in zip(expected, predicted, strict=True):
        matrix[at[gold], at[label]] += 1
    return matrix


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Precision, recall and F1 of one class."""

    label: str
    precision: float
    """The fraction of those predicted to be of the class that are."""
    recall: float
    """The fraction of those of the class that were predicted to be."""
    f1: float
    support: int
    """How many are of the class."""


def class_scores(matrix: Integers, labels: Sequence[str]) -> list[ClassScore]:
    """Precision, recall and F1 of each class, from a confusion matrix (L, L).

    0 / 0 is 0, as in scikit-learn.
    """
    right, expected, predicted = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    return [
        ClassScore(
            label, *precision_recall_f1(right[at], predicted[at], expected[at]), int(expected[at])
        )
        for at, label in enumerate(labels)
    ]


def precision_recall_f1(
    right: float, predicted: float, expected: float
) -> tuple[float, float, float]:
    """Precision, recall and F1 from three counts; 0 / 0 is 0.

    >>> precision_recall_f1(2, 4, 5)
    (0.5, 0.4, 0.4444444444444444)
    """
    return ratio(right, predicted), ratio(right, expected), ratio(2 * right, predicted + expected)


def macro_f1(matrix: Integers) -> float:
    """The mean F1 of the classes that are expected or predicted at least once."""
    both = matrix.sum(0) + matrix.sum(1)  # (L,)
    seen = both > 0
    return float(np.mean(2 * np.diag(matrix)[seen] / both[seen])) if seen.any() else 0.0


def ratio(part: float, whole: float) -> float:
    """part / whole; 0 where `whole` is 0."""
    return float(part / whole) if whole else 0.0
