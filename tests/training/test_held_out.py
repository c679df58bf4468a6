"""What is held out: a random part, in which each label has its share, and none loses all rows."""

from collections import Counter
from itertools import islice

import pytest

from llmcli.training.held_out import held_out_places, hold_out


def first(row):
    return row[:1]


def test_classes_that_alternate_keep_their_shares():
    rows = [("pos", "neg")[number % 2] + str(number) for number in range(120)]
    for fraction, each in ((0.05, 3), (0.1, 6), (0.5, 30)):  # n = 1 / fraction is even: the trap
        kept, held = hold_out(rows, fraction, 42, lambda row: [row[:3]])
        assert Counter(row[:3] for row in held) == {"pos": each, "neg": each}
        assert sorted(kept + held, key=lambda row: int(row[3:])) == rows
        assert kept == [row for row in rows if row in kept]  # in the order of the file


def test_the_draw_follows_the_seed():
    rows = list(range(100))
    assert hold_out(rows, 0.1, 1) == hold_out(rows, 0.1, 1)
    assert hold_out(rows, 0.1, 1) != hold_out(rows, 0.1, 2)
    assert hold_out(rows, 0.0, 1) == (rows, []) and hold_out([1, 2], 0.1, 1) == ([1, 2], [])


@pytest.mark.parametrize("seed", range(5))
def test_no_class_is_wholly_held_out(seed):
    rows = ["rare", *["b"] * 2, *["a"] * 17]
    kept, held = hold_out(rows, 0.5, seed, lambda row: [row])
    assert set(kept) == {"rare", "a", "b"} and len(held) <= 10
    assert Counter(held)["b"] == 1 and Counter(held)["rare"] == 0


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_several_labels_leave_each_label_a_row(seed):
    rows = [("it", "urgent"), ("it",), ("pay", "urgent"), ("pay",), ("it", "pay"), ()] * 4
    rows.append(("once", "it"))
    kept, held = hold_out(rows, 0.4, seed, lambda row: row)
    assert len(held) == 10 and {label for row in kept for label in row} == {
        *("it", "urgent", "pay", "once")
    }
    assert ("once", "it") in kept


def test_rows_that_belong_together_are_not_separated():
    rows = [f"{context}{question}" for context in "abcdefgh" for question in range(5)]
    kept, held = hold_out(rows, 0.25, 7, together=first)
    assert len(held) == 10 and not {row[0] for row in kept} & {row[0] for row in held}
    assert hold_out(["a1", "a2", "a3"], 0.5, 7, together=first) == (["a1", "a2", "a3"], [])


def test_of_n_documents_one_is_held_out_at_no_fixed_place():
    chosen = list(islice(held_out_places(0.1, 3), 1000))
    tens = [chosen[at : at + 10] for at in range(0, 1000, 10)]
    assert all(sum(ten) == 1 for ten in tens) and len({ten.index(True) for ten in tens}) == 10
    assert not any(islice(held_out_places(0.0, 3), 20))
