"""N-grams with Kneser-Ney smoothing: by hand, and against nltk."""

import math

import numpy as np
import pytest

from llmcli.evaluation.ngrams import Ngrams, cross_fitted

A, B, C, D = 1, 2, 3, 4


def test_kneser_ney_by_hand():
    # ab ba ab ba ac: bigrams ab 2, ba 2, ac 1, so D = 1 / (1 + 2 * 2) = 0.2
    model = Ngrams([[A, B, A, B, A, C]], vocabulary=4, order=2)
    unigram = 0.8 / 3 + 0.2 * 3 / 3 / 4  # a, b and c: each ends one of three kinds of bigrams
    none = 0.2 * 3 / 3 / 4
    for token, expected in (
        (B, 1.8 / 3 + 0.2 * 2 / 3 * unigram),
        (C, 0.8 / 3 + 0.2 * 2 / 3 * unigram),
        (A, 0.2 * 2 / 3 * unigram),
        (D, 0.2 * 2 / 3 * none),
    ):
        assert model.probability(token, [A]) == pytest.approx(expected)
    assert model.probability(C, [D]) == pytest.approx(unigram)  # nothing ever followed d
    assert model.nats([A, B, C])[0] == pytest.approx(-math.log(1.8 / 3 + 0.4 / 3 * unigram))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_probabilities_of_all_tokens_sum_to_one(order):
    draw = np.random.default_rng(3)
    texts = [[0, *draw.integers(1, 9, 40).tolist()] for _ in range(5)]
    model = Ngrams(texts, vocabulary=15, order=order)
    for before in ([0], [3, 4], [5, 5, 5], [14], [14, 2], [0, 3]):
        assert sum(model.probability(t, before) for t in range(15)) == pytest.approx(1)


def test_the_continuation_counts_are_those_of_nltk():
    from nltk.lm.smoothing import KneserNey

    draw = np.random.default_rng(4)
    model = Ngrams([draw.integers(0, 6, 200).tolist()], vocabulary=6, order=3)
    ours = model._model.estimator
    theirs = KneserNey(ours.vocab, ours.counts, 3, discount=ours.discount)
    for word in map(str, range(6)):
        assert ours._continuation_counts(word) == theirs._continuation_counts(word)
        for before in map(str, range(6)):
            expected = theirs._continuation_counts(word, (before,))
            assert ours._continuation_counts(word, (before,)) == expected
            assert ours.alpha_gamma(word, (before, "1")) == pytest.approx(
                theirs.alpha_gamma(word, (before, "1"))
            )


def test_n_grams_are_not_trained_on_the_texts_that_they_score():
    nats = cross_fitted([[0, 7, 8, 9]] + [[0, n] for n in (1, 1, 2, 1, 1)], vocabulary=10)
    assert [len(row) for row in nats] == [3, 1, 1, 1, 1, 1]
    assert nats[0].min() > nats[1][0]  # 7, 8 and 9 are in no other text
    (row,) = cross_fitted([list(range(23))], vocabulary=30)
    assert len(row) == 22
    assert row == pytest.approx([math.log(30)] * 22)  # all are unseen, and have equal shares
