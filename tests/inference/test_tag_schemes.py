"""What tags mean, by hand and as seqeval reads them."""

import random

import pytest
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, Entities

from llmcli.errors import InputError
from llmcli.inference.tag_schemes import entity_spans, require_scheme, scheme_of


def spans(text):
    tags = text.split()
    return entity_spans(tags, require_scheme(set(tags)))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-PER I-PER O B-PER", [("PER", 0, 2), ("PER", 3, 4)]),
        ("I-PER I-PER B-PER O I-LOC", [("PER", 0, 2), ("PER", 2, 3), ("LOC", 4, 5)]),  # IOB1
        ("B-LOC I-LOC E-LOC O S-LOC", [("LOC", 0, 3), ("LOC", 4, 5)]),
        ("B-LOC I-LOC L-LOC O U-LOC", [("LOC", 0, 3), ("LOC", 4, 5)]),
        ("B-LOC M-LOC E-LOC S-LOC", [("LOC", 0, 3), ("LOC", 3, 4)]),
        ("I-LOC E-LOC E-LOC O", [("LOC", 0, 2), ("LOC", 2, 3)]),  # IOE
        ("B M E S B E", [("", 0, 3), ("", 3, 4), ("", 4, 6)]),  # words of Chinese
        ("PER PER O LOC", [("PER", 0, 2), ("LOC", 3, 4)]),
        ("PER-B PER-I O LOC-B", [("PER", 0, 2), ("LOC", 3, 4)]),
        ("B_PER I_PER O", [("PER", 0, 2)]),
        ("NOUN NOUN VERB", [("NOUN", 0, 1), ("NOUN", 1, 2), ("VERB", 2, 3)]),
        ("O O", []),
    ],
)
def test_entities_by_hand(tags, expected):
    assert spans(tags) == expected


def test_tags_of_two_schemes_are_refused():
    with pytest.raises(InputError, match="'B-PER' beside 'PER'"):
        require_scheme({"O", "B-PER", "PER"})
    assert scheme_of({"O", "B-PER", "PER"}).name == "mixed"  # a model may have them


@pytest.mark.parametrize("letters", ["BI", "BIES"])
def test_they_are_those_of_seqeval(letters):
    draw = random.Random(3)
    kinds = ["O", *(f"{letter}-{kind}" for letter in letters for kind in ("PER", "LOC"))]
    scheme = scheme_of(set(kinds))
    for _ in range(300):
        tags = draw.choices(kinds, k=draw.randint(1, 9))
        theirs = [(kind, start, end + 1) for kind, start, end in get_entities(tags)]
        assert entity_spans(tags, scheme) == theirs, tags


def test_bilou_without_errors_is_that_of_seqeval():
    tags = ["B-PER", "I-PER", "L-PER", "U-PER", "O", "B-LOC", "L-LOC", "U-LOC"]
    (theirs,) = Entities([tags], BILOU).entities
    expected = [(entity.tag, entity.start, entity.end) for entity in theirs]
    assert entity_spans(tags, scheme_of(set(tags))) == expected
