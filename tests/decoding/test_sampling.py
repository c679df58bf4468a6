import math

import pytest
import torch
from transformers import (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TopHLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from llmcli.decoding import sampling as filters
from llmcli.spec import Decoding

LOGITS = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log()


def kept(logits):
    return logits.isfinite()[0].tolist()


@pytest.fixture
def random_logits():
    return torch.randn(8, 50, generator=torch.Generator().manual_seed(0)) * 3


def test_top_k_keeps_the_k_likeliest():
    assert kept(filters.top_k(LOGITS, 2)) == [True, True, False, False]


@pytest.mark.parametrize(
    ("p", "expected"), [(0.4, 1), (0.5, 1), (0.51, 2), (0.74, 2), (0.76, 3), (0.95, 4)]
)
def test_top_p_keeps_tokens_until_they_add_up_to_p(p, expected):
    assert sum(kept(filters.top_p(LOGITS, p))) == expected


@pytest.mark.parametrize(("p", "expected"), [(0.1, 4), (0.25, 3), (0.4, 2), (0.6, 1), (1.0, 1)])
def test_min_p_is_relative_to_the_likeliest_token(p, expected):
    assert sum(kept(filters.min_p(LOGITS, p))) == expected


def test_repetition_penalty_divides_positive_and_multiplies_negative_logits():
    changed = filters.repetition_penalty(torch.tensor([[2.0, -2.0, 3.0]]), [[0, 1, 1]], 2.0)
    assert changed.tolist() == [[1.0, -4.0, 3.0]]


def test_no_repeat_ngram_rules_out_what_followed_the_same_words():
    changed = filters.no_repeat_ngram(torch.zeros(1, 5), [[1, 2, 3, 1, 2]], 3)
    assert kept(changed) == [True, True, True, False, True]


def test_no_repeat_unigram_rules_out_every_token_that_was_there():
    changed = filters.no_repeat_ngram(torch.zeros(1, 4), [[1, 3]], 1)
    assert kept(changed) == [True, False, True, False]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x: filters.top_k(x, 5), TopKLogitsWarper(5)),
        (lambda x: filters.top_k(x, 500), TopKLogitsWarper(500)),
        (lambda x: filters.top_p(x, 0.9), TopPLogitsWarper(0.9)),
        (lambda x: filters.top_p(x, 0.05), TopPLogitsWarper(0.05)),
        (lambda x: filters.min_p(x, 0.1), MinPLogitsWarper(0.1)),
        (lambda x: filters.top_h(x, 0.4), TopHLogitsWarper(0.4)),
        (lambda x: filters.typical_p(x, 0.3), TypicalLogitsWarper(0.3)),
        (lambda x: filters.typical_p(x, 0.95), TypicalLogitsWarper(0.95)),
        (lambda x: filters.epsilon_cutoff(x, 0.02), EpsilonLogitsWarper(0.02)),
        (lambda x: filters.epsilon_cutoff(x, 0.99), EpsilonLogitsWarper(0.99)),
        (lambda x: filters.eta_cutoff(x, 0.1), EtaLogitsWarper(0.1)),
    ],
)
def test_filters_equal_those_of_transformers(ours, theirs, random_logits):
    torch.testing.assert_close(ours(random_logits), theirs(None, random_logits.clone()))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            lambda x, ids: filters.repetition_penalty(x, ids, 1.3),
            RepetitionPenaltyLogitsProcessor(1.3),
        ),
        (lambda x, ids: filters.no_repeat_ngram(x, ids, 2), NoRepeatNGramLogitsProcessor(2)),
        (lambda x, ids: filters.no_repeat_ngram(x, ids, 4), NoRepeatNGramLogitsProcessor(4)),
    ],
)
def test_penalties_equal_those_of_transformers(ours, theirs, random_logits):
    ids = torch.randint(0, 4, (8, 20), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(random_logits, ids.tolist()), theirs(ids, random_logits))


@pytest.mark.parametrize(
    ("uniform", "token"), [(0.0, 0), (0.49, 0), (0.51, 1), (0.74, 1), (0.76, 2), (0.9999, 3)]
)
def test_draw_takes_the_token_whose_share_holds_the_number(uniform, token):
    assert filters.draw(LOGITS, [uniform]) == [token]


def test_draw_never_takes_what_a_filter_removed():
    logits = torch.tensor([[-math.inf, 1.0, -math.inf]])
    assert {filters.draw(logits, [u])[0] for u in (0.0, 0.5, 1 - 1e-16)} == {1}


def test_drawn_tokens_come_as_often_as_they_are_probable():
    numbers = torch.rand(20_000, generator=torch.Generator().manual_seed(0)).tolist()
    drawn = torch.tensor(filters.draw(LOGITS.expand(len(numbers), -1), numbers))
    shares = torch.bincount(drawn, minlength=4) / len(numbers)
    torch.testing.assert_close(shares, LOGITS.exp()[0], atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("spec", "samples"),
    [
        (Decoding(), False),
        (Decoding(temperature=0), False),
        (Decoding(temperature=0, top_k=5), False),
        (Decoding(temperature=0.7), True),
        (Decoding(top_p=0.9), True),
        (Decoding(min_p=0.1), True),
    ],
)
def test_a_sampling_flag_turns_sampling_on_and_temperature_0_is_greedy(spec, samples):
    assert spec.samples is samples


def test_the_first_of_equal_logits_is_the_likeliest():
    draw = torch.Generator().manual_seed(0)
    for size in (5, 512, 1000, 1024):
        logits = torch.randint(0, 9, (7, size), generator=draw).float()  # many are equal
        logits[0, -1] = logits[1, 300 % size] = 50.0
        tokens, best = filters.likeliest(logits)
        assert tokens.tolist() == [row.tolist().index(max(row.tolist())) for row in logits]
        assert best.tolist() == [max(row.tolist()) for row in logits]
        logits[2, -1] = logits[3, 0] = float("nan")
        assert (
            filters.likeliest(logits)[1].isnan().tolist() == [False] * 2 + [True] * 2 + [False] * 3
        )
