"""When drafts pay: numbers by hand."""

import pytest

from llmcli.decoding.pace import DRAFTS, Pace


def measured(**seconds):
    """A pace with three passes of each length, which was tried."""
    pace = Pace()
    pace.differed(1e-6, 1.0)
    for tokens, value in seconds.items():
        for _ in range(3):
            pace.took(int(tokens[1:]), value)
    return pace


def test_a_pass_that_was_not_measured_takes_a_tenth_more_for_each_token():
    pace = measured(t1=1.0)
    assert [pace.seconds(tokens) for tokens in (1, 2, 6)] == [1.0, 1.1, 1.5]
    pace.took(6, 1.2)
    assert pace.seconds(6) == 1.2


def test_nothing_is_drafted_before_passes_over_one_token_were_measured():
    pace = Pace()
    assert pace.draft(8, 20, 100.0) == 0
    pace.took(1, 1.0)
    pace.took(1, 1.0)
    assert pace.draft(8, 20, 100.0) == 0


def test_passes_over_several_tokens_are_tried_before_they_are_trusted():
    pace = Pace()
    for _ in range(3):
        pace.took(1, 1.0)
    assert pace.draft(8, 20, allowed=1.29) == 0  # a pass over 4 tokens takes 1.3
    assert pace.draft(8, 20, allowed=1.31) == 3
    assert pace.draft(3, 20, allowed=1.31) == 0  # most of such drafts are wrong
    pace.differed(2e-6, 1.0)
    assert pace.tolerance == pytest.approx(16e-6)
    assert pace.draft(8, 20, allowed=100.0) > 3


@pytest.mark.parametrize("difference", [2e-3, float("nan")])
def test_a_model_whose_passes_differ_by_more_than_rounding_drafts_nothing(difference):
    pace = measured(t1=1.0)
    pace.differed(difference, 1.0)
    assert pace.draft(8, 20, 100.0) == 0


def test_a_draft_is_as_long_as_makes_tokens_fastest():
    """With 0.8 right after 8 tokens: a pass yields 1 + 0.8 + 0.64 ... tokens."""
    free = dict.fromkeys((f"t{1 + count}" for count in DRAFTS), 1.0)
    assert measured(t1=1.0, **free).draft(8, 20, 100.0) == 19
    dear = {f"t{1 + count}": 1.0 + count for count in DRAFTS}
    assert measured(t1=1.0, **dear).draft(8, 20, 100.0) == 0
    # 1.8 tokens in 1.2, 2.44 in 1.4, 2.952 in 1.6, 3.689 in 2.0, 4.329 in 2.6
    slower = {f"t{1 + count}": 1.0 + 0.2 * count for count in DRAFTS}
    assert measured(t1=1.0, **slower).draft(8, 20, 100.0) == 3
    assert measured(t1=1.0, **slower).draft(8, 2, 100.0) == 2
    assert measured(t1=1.0, **slower).draft(8, 20, allowed=0.5) == 2


def test_drafts_that_fail_are_given_up_and_drafts_that_hold_grow():
    pace = measured(t1=1.0, t2=1.2)
    first = pace.draft(4, 20, 100.0)
    for _ in range(30):
        pace.saw(4, right=5, wrong=0)
    assert pace.draft(4, 20, 100.0) > first
    for _ in range(30):
        pace.saw(4, right=0, wrong=1)
    assert pace.draft(4, 20, 100.0) == 0
    assert pace.draft(8, 20, 100.0) > 0  # others are not concerned
