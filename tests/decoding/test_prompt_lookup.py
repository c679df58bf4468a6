"""Prompt lookup: what followed the last tokens of a text where they occurred before."""

import pytest

from llmcli.decoding.prompt_lookup import PromptLookup


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([1, 2, 3, 4, 9, 2, 3, 4, 8, 1, 2, 3], [4, 9, 2]),  # three in a row go before fewer
        ([2, 3, 7, 5, 3, 8, 2, 3], [7, 5, 3]),  # two before one that is nearer
        ([3, 7, 3, 8, 1, 3], [8, 1, 3]),  # of equals, the last
        ([4, 6, 4, 6], [4, 6, 4]),  # a text that repeats goes on so
        ([4, 4], [4, 4, 4]),
        ([1, 2, 3], []),
        ([1], []),
    ],
)
def test_lookup_takes_what_followed_the_longest_match(ids, expected):
    assert PromptLookup().draft(ids, 3) == expected
    step_by_step = PromptLookup()
    for end in range(1, len(ids)):
        step_by_step.draft(ids[:end], 3)
    assert step_by_step.draft(ids, 3) == expected


def test_a_copy_goes_on_at_its_source_and_not_at_the_last_occurrence():
    lookup, text = PromptLookup(), [1, 2, 3, 4, 5, 0, 9, 3, 4, 5, 7, 8]
    lookup.draft([*text, 1, 2, 3], 1)
    assert lookup.draft([*text, 1, 2, 3, 4, 5], 2) == [0, 9]  # 3, 4, 5 came last before 7
    assert lookup.matched == 5
    assert PromptLookup().draft([*text, 1, 2, 3, 4, 5], 2) == [7, 8]


@pytest.mark.parametrize(
    ("ids", "matched"),
    [([4, 5], 0), ([1, 9, 1], 1), ([1, 2, 9, 1, 2], 2), ([*range(6), 9, *range(6)], 6)],
)
def test_the_tokens_that_match_are_counted(ids, matched):
    lookup = PromptLookup()
    lookup.draft(ids, 1)
    assert lookup.matched == matched


def test_no_more_than_eight_tokens_are_counted():
    lookup = PromptLookup()
    lookup.draft([*range(20), 99, *range(20)], 1)
    assert lookup.matched == 8
