"""Entities of BIO tags: by hand, and against seqeval."""

import warnings

import pytest

from llmcli.evaluation.metrics.entities import entity_scores

TAGS = [
    ["B-PER", "I-PER", "O", "B-LOC"],
    ["I-LOC", "I-LOC", "I-PER", "O", "B-PER", "B-PER"],
    ["O", "O"],
    ["B-LOC", "I-PER", "I-LOC", "O"],
]


TAGGED = [
    ["B-PER", "I-PER", "O", "B-ORG"],
    ["B-LOC", "I-LOC", "B-PER", "O", "B-PER", "I-PER"],
    ["B-LOC", "O"],
    ["B-LOC", "I-LOC", "I-LOC", "O"],
]


def test_entities_by_hand():
    gold, said = [["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]]
    together, each = entity_scores(gold, said)
    assert together == (1 / 2, 1 / 2, 1 / 2)
    assert [(one.label, one.f1, one.support) for one in each] == [("LOC", 1, 1), ("PER", 0, 1)]


def test_entities_equal_seqeval():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from seqeval import metrics as seqeval

        expected = [
            getattr(seqeval, f"{name}_score")(TAGS, TAGGED) for name in ("precision", "recall")
        ]
        f1 = seqeval.f1_score(TAGS, TAGGED)
        report = seqeval.classification_report(TAGS, TAGGED, output_dict=True, zero_division=0)
    together, each = entity_scores(TAGS, TAGGED)
    assert together == pytest.approx((*expected, f1))
    for one in each:
        theirs = report[one.label]
        assert (one.precision, one.recall, one.f1, one.support) == pytest.approx(
            (theirs["precision"], theirs["recall"], theirs["f1-score"], theirs["support"])
        )
