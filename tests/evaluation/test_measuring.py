"""Slices, mistakes and intervals, by hand."""

import pytest

from llmcli.errors import InputError
from llmcli.evaluation.examples import Example
from llmcli.evaluation.predictions import Predictions
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.tasks.evaluate import measure
from tests.evaluation.reports import predictions


def test_the_mistakes_with_the_highest_confidence_come_first():
    made = predictions(list("aaaa"), list("bbab"), [0.6, 0.9, 1.0, 0.7], "ab")
    report = measure(made, EvaluateOptions("classification", mistakes=2))
    assert [mistake.row for mistake in report.mistakes] == [2, 4]


def test_slices_by_column_and_length():
    rows = [("a", 1, "x"), ("b", 2, "x"), ("a", 30, "y"), ("a", 40, "x")]
    examples = [
        Example(number, "", "a", predicted, None, length, (level,))
        for number, (predicted, length, level) in enumerate(rows, 1)
    ]
    made = Predictions("m", "f", examples=examples, labels=("a", "b"))
    report = measure(made, EvaluateOptions("classification", by=("level", "length")))
    slices = [(part.by, part.value, part.rows, part.measures[0].value) for part in report.slices]
    assert slices == [
        ("level", "x", 3, 2 / 3),
        ("level", "y", 1, 1),
        ("length", "1", 1, 1),
        ("length", "2", 1, 0),
        ("length", "30", 1, 1),
        ("length", "40", 1, 1),
    ]


def test_intervals_are_repeatable_and_can_be_left_out():
    made = predictions(list("ab" * 30), list("abab" * 7 + "bbbb" * 8), labels="ab")
    first, again, other = (
        measure(made, EvaluateOptions("classification", seed=seed)).metrics[1] for seed in (1, 1, 2)
    )
    assert first == again != other
    none = measure(made, EvaluateOptions("classification", bootstrap=0)).metrics[0]
    assert (none.low, none.high) == (None, None)


def test_the_error_names_the_first_rows_that_failed():
    made = Predictions("m", "f")
    for number in range(1, 6):
        made.fail(number, "the text is empty")
    with pytest.raises(InputError) as caught:
        measure(made, EvaluateOptions("classification"))
    assert str(caught.value) == (
        "m: no row could be evaluated: row 1: the text is empty; row 2: the text is empty; "
        "row 3: the text is empty; 2 more rows failed"
    )
