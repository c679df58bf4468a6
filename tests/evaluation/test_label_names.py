"""Which label of a file is which of a model is decided for the whole file, or asked for."""

import pytest

from llmcli.errors import InputError
from llmcli.evaluation.label_names import Labels

STARS = ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")
PLACEHOLDERS = tuple(f"LABEL_{at}" for at in range(3))
TWO = ("negative", "positive")
MATCHED = [
    (TWO, ["Negative", "POSITIVE"], {"Negative": "negative", "POSITIVE": "positive"}),
    (TWO, ["0", "1"], {"0": "negative", "1": "positive"}),
    (TWO, ["0"], {"0": "negative"}),
    (PLACEHOLDERS, ["0", "2"], {"0": "LABEL_0", "2": "LABEL_2"}),
    (STARS, ["1", "5"], {"1": "1 star", "5": "5 stars"}),  # 5 is no place from 0
    (STARS, ["0", "4"], {"0": "1 star", "4": "5 stars"}),  # 0 is no number of stars
    (("1.50", "2.5"), ["1.5"], {"1.5": "1.50"}),
    (("0", "1", "2"), ["1", "2", "9"], {"1": "1", "2": "2"}),  # 9 alone is unknown
    (TWO, ["positive", "0"], {"positive": "positive"}),  # a name beside a number: by name
]
REFUSED = [
    (STARS, ["1", "2", "3", "4"], "places from 0 or from 1.*1=1 star,2=2 stars"),
    (TWO, ["1", "2"], "no places from 0.*1=negative,2=positive"),
    (TWO, ["1"], "places from 0 or from 1"),
    (("0", "1", "2"), ["1", "2", "3"], "off by one.*1=0,2=1,3=2"),
    (("1", "2", "3"), ["0", "1", "2"], "off by one.*0=1,1=2,2=3"),
    (PLACEHOLDERS, ["1", "2", "3"], "no places from 0.*1=LABEL_0"),
    (TWO, ["good", "bad"], "labels 'good', 'bad' are none of the model's, 'negative', 'positive'"),
    (("①", "②"), ["1", "2"], "no places from 0"),
]


@pytest.mark.parametrize(("names", "labels", "expected"), MATCHED)
def test_labels_are_matched_where_their_meaning_is_certain(names, labels, expected):
    assert Labels(names, is_ordered=True).match(labels).names == expected


@pytest.mark.parametrize(("names", "labels", "message"), REFUSED)
def test_labels_that_could_be_off_by_one_are_asked_for(names, labels, message):
    with pytest.raises(InputError, match=message) as caught:
        Labels(names, is_ordered=True).match(labels)
    assert "`label_map`" in str(caught.value)


def test_places_are_said_and_a_map_overrides_all():
    matched = Labels(TWO, is_ordered=True).match(["0", "1"])
    assert matched.note.endswith("places of the model's classes: 0 = negative, 1 = positive")
    swapped = Labels(TWO, is_ordered=True).match(["0", "1"], [("0", "positive"), ("1", "negative")])
    assert swapped.names == {"0": "positive", "1": "negative"} and not swapped.note


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ([("0", "nice")], "'nice' is none of the model's labels"),
        ([("7", "positive")], "`label_map` names '7', but the file has '0', '1'"),
    ],
)
def test_a_map_without_effect_is_refused(renamed, message):
    with pytest.raises(InputError, match=message):
        Labels(TWO, is_ordered=True).match(["0", "1"], renamed)


def test_names_of_saved_predictions_are_in_no_order():
    saved = Labels(TWO, is_ordered=False)
    with pytest.raises(InputError, match="the labels '0', '1' are none"):
        saved.match(["0", "1"])
    some = Labels(("a",), is_ordered=False, are_all=False)
    assert some.match(["b"]).find("b") == "b"  # never predicted: wrong, but known
    with pytest.raises(InputError, match="the labels 'b', 'c' are none"):
        some.match(["b", "c"])
