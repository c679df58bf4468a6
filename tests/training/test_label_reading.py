"""Labels of texts: lists in every form, vectors of 0 and 1, names for numbers."""

import numpy as np
import pytest

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.evaluation.label_lists import list_in
from llmcli.training.label_reading import LabelReading

LISTS = [
    [["it", "urgent"], ["pay"]],
    ["['it', 'urgent']", "['pay']"],
    ['["it", "urgent"]', '["pay"]'],
    ["('it', 'urgent')", "('pay',)"],
    ["['it' 'urgent']", "['pay']"],  # numpy's text
    ["it;urgent", "pay"],
    ["it; urgent ; ", "pay"],
    ["it|urgent", "pay"],
    ["it,urgent", "pay"],
    [np.array(["it", "urgent"]), ["pay"]],
]
VECTORS = [
    [[0, 1, 1], [1, 0, 0]],
    [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]],
    [[False, True, True], [True, False, False]],
    ["[0, 1, 1]", "[1, 0, 0]"],
    ["[0. 1. 1.]", "[1. 0. 0.]"],
    [np.array([0, 1, 1]), np.array([1, 0, 0])],
]


def read(values, is_multi=True, names=()):
    rows = [Row(at, "x", {"label": value}) for at, value in enumerate(values, 1)]
    reading = LabelReading("label", is_multi, names).decided(rows)
    return [reading.labels(row) for row in rows]


@pytest.mark.parametrize("values", LISTS)
def test_lists_are_read_in_every_form(values):
    assert read([*values, None, "", []]) == [("it", "urgent"), ("pay",), (), (), ()]


@pytest.mark.parametrize("values", VECTORS)
def test_vectors_have_a_place_for_each_class(values):
    assert read(values) == [("LABEL_1", "LABEL_2"), ("LABEL_0",)]
    assert read(values, names=("it", "pay", "urgent")) == [("pay", "urgent"), ("it",)]


def test_lists_of_numbers_that_are_no_vectors_are_numbers_of_classes():
    assert read([[0, 2], [1]]) == [("0", "2"), ("1",)]
    assert read([["1.0", 1, "1"]]) == [("1",)]


def test_a_sign_between_labels_is_chosen_for_the_file():
    labels = [("food, drink", "travel"), ("food, drink",)]
    assert read(["food, drink; travel", "food, drink"]) == labels


@pytest.mark.parametrize("value", [["it"], "['it', 'urgent']", "[0, 1]", "[1. 0.]", ("a", "b")])
def test_a_list_is_no_single_label(value):
    with pytest.raises(InputError, match="'label' is a list of labels, .*: give `multi_label`"):
        read([value], is_multi=False)


@pytest.mark.parametrize("text", ["[PAD]", "[sports] news", "(good)", "{x}", "it,urgent", "①"])
def test_texts_that_only_look_like_lists_are_labels(text):
    assert list_in(text) is None and read([text], is_multi=False) == [(text,)]


def test_names_are_given_to_numbers_and_hold_all_classes():
    assert read([0, "1.0"], is_multi=False, names=("bad", "good")) == [("bad",), ("good",)]
    with pytest.raises(InputError, match="'meh' are none of `labels`, 'bad', 'good'"):
        read(["good", "meh"], is_multi=False, names=("bad", "good"))
    with pytest.raises(InputError, match="lists of 3 places, but `labels` names 2 classes"):
        read([[0, 1, 1], [1, 0, 0]], names=("a", "b"))


def test_a_row_with_another_form_than_the_file_is_refused():
    rows = [Row(1, "x", {"label": [0, 1]}), Row(2, "x", {"label": [1, 0]})]
    reading = LabelReading("label", True).decided(rows)
    for value in ([0, 1, 1], [0, 2], ["a", "b"]):
        with pytest.raises(InputError, match="not a list of 2 numbers 0 and 1"):
            reading.labels(Row(3, "x", {"label": value}))
