"""Ranks of relevant texts: by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sklearn

from llmcli.evaluation.metrics.retrieval import ranks_of, recall_at, reciprocal_rank

DRAW = np.random.default_rng(7)


def test_retrieval_by_hand():
    ranks = ranks_of(np.array([0.3, 0.9, 0.2, 0.8]), [0, 1])
    assert ranks == [1, 3]
    assert [recall_at(ranks, k) for k in (1, 2, 3)] == [1 / 2, 1 / 2, 1]
    assert reciprocal_rank([3, 4]) == 1 / 3
    assert ranks_of(np.zeros(4), [1]) == [4]  # a model that says nothing has no luck


def test_reciprocal_ranks_equal_scikit_learn():
    scores = DRAW.random((20, 30))
    relevant = DRAW.integers(0, 30, 20)
    truth = np.zeros((20, 30))
    truth[np.arange(20), relevant] = 1
    ranks = [ranks_of(row, [at]) for row, at in zip(scores, relevant.tolist(), strict=True)]
    mine = np.mean([reciprocal_rank(one) for one in ranks])
    assert mine == pytest.approx(sklearn.label_ranking_average_precision_score(truth, scores))
    top = np.mean([recall_at(one, 5) for one in ranks])
    assert top == pytest.approx(
        sklearn.top_k_accuracy_score(relevant, scores, k=5, labels=range(30))
    )
