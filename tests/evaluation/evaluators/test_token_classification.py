"""Evaluation of tags, by hand and beside seqeval."""

from dataclasses import replace

import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import BILOU

from llmcli.errors import InputError
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.tasks.evaluate import measure
from tests.evaluation.reports import predictions, record_of, values, write_rows
from tests.tiny_models import make_tagger

OPTIONS = EvaluateOptions("token-classification")


def test_a_report_by_hand():
    gold = [("B-PER", "I-PER", "O"), ("O", "B-LOC")]
    said = [("B-PER", "O", "O"), ("O", "B-LOC")]
    report = measure(predictions(gold, said), OPTIONS)
    metrics = {metric.name: metric.value for metric in report.metrics}
    assert metrics == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "tag_accuracy": 4 / 5}
    (mistake,) = report.mistakes
    assert (mistake.expected, mistake.said) == ("B-PER I-PER O", "B-PER O O")


def test_as_many_tags_as_expected_are_needed():
    with pytest.raises(InputError, match="line 1: 1 tags were predicted for 3"):
        measure(predictions([("B-PER", "I-PER", "O")], [("O",)]), OPTIONS)


def test_tags_from_a_file(run, tmp_path):
    rows = [
        {"text": "Tom is here", "tags": ["B-PER", "O", "O"], "predicted_tags": "B-PER O B-LOC"},
        {"text": "in Rome", "tags": ["O", "B-LOC"], "predicted_tags": ["O", "B-LOC"]},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    words = ["--task", "token-classification", "--predictions", path]
    assert values(record_of(run("evaluate", *words, "--json"))) == pytest.approx(
        {"precision": 2 / 3, "recall": 1, "f1": 4 / 5, "tag_accuracy": 4 / 5}
    )
    text = run("evaluate", *words).stdout
    assert "LOC" in text and "0.6667" in text and "worst rows" in text


GOLD = [["B-PER", "E-PER", "O", "S-PER"], ["B-LOC", "I-LOC", "E-LOC", "O", "S-LOC"], ["O"]]
SAID = [["B-PER", "E-PER", "O", "O"], ["B-LOC", "I-LOC", "O", "O", "S-LOC"], ["S-PER"]]
BILOU_OF = {"E": "L", "S": "U"}


def bilou(tags):
    return [BILOU_OF.get(tag[0], tag[0]) + tag[1:] for tag in tags]


def metrics_of(gold, said):
    report = measure(predictions([*map(tuple, gold)], [*map(tuple, said)]), OPTIONS)
    return [metric.value for metric in report.metrics]


def test_marked_ends_are_as_seqeval_has_them():
    expected = [score(GOLD, SAID) for score in (precision_score, recall_score, f1_score)]
    assert expected == [0.5, 0.5, 0.5]
    assert metrics_of(GOLD, SAID)[:3] == expected
    assert metrics_of([*map(bilou, GOLD)], [*map(bilou, SAID)])[:3] == expected


def test_bilou_without_errors_is_as_seqeval_has_it():
    gold = [*map(bilou, GOLD)]
    said = [gold[0], ["O", "B-LOC", "L-LOC", "O", "U-LOC"], ["O"]]
    strict = {"mode": "strict", "scheme": BILOU}
    expected = [score(gold, said, **strict) for score in (precision_score, recall_score, f1_score)]
    assert metrics_of(gold, said)[:3] == pytest.approx(expected)
    assert 0 < expected[0] < 1


@pytest.mark.parametrize(
    ("gold", "said", "expected"),
    [
        ("PER PER O LOC", "PER O O LOC", [1 / 2, 1 / 2, 1 / 2, 3 / 4]),
        ("NOUN VERB NOUN", "NOUN NOUN NOUN", [2 / 3, 2 / 3, 2 / 3, 2 / 3]),
        ("PER-B PER-I O", "PER-B O O", [0, 0, 0, 2 / 3]),
        ("B M E S", "B E S S", [1 / 3, 1 / 2, 2 / 5, 2 / 4]),  # words of Chinese
        ("B-PER I-PER O", "B-PER I-PER I-PER", [0, 0, 0, 2 / 3]),
    ],
)
def test_other_schemes_by_hand(gold, said, expected):
    assert metrics_of([gold.split()], [said.split()]) == pytest.approx(expected)


def test_several_schemes_are_refused():
    with pytest.raises(InputError, match="several schemes"):
        metrics_of([["B-PER", "O"]], [["PER", "O"]])


def test_a_model_is_evaluated_on_the_rows_that_it_learns_from(run, tmp_path):
    model = make_tagger(tmp_path / "m", {"Anna": "B-PER", "Maria": "I-PER", "met": "O"})
    rows = [
        {"tokens": ["Anna", "Maria", "met"], "ner_tags": ["B-PER", "I-PER", "O"]},
        {"tokens": ["met", "Anna", ""], "ner_tags": ["O", "O", "O"]},
        {"tokens": ["met"] * 30 + ["Anna"], "ner_tags": ["O"] * 30 + ["B-PER"]},
        {"tokens": ["met"], "ner_tags": ["O", "O"]},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    words = ["evaluate", "--task", "token-classification", "-m", model, "-i", path, "--json"]
    result = run(*words)
    report = record_of(result)
    assert values(report) == pytest.approx(
        {"precision": 2 / 3, "recall": 1, "f1": 4 / 5, "tag_accuracy": 36 / 37}
    )
    assert "row 4: 1 tags were predicted for 2" in result.stderr
    assert "1 words have no token" in result.stderr
    saved = tmp_path / "out.jsonl"
    run("tag", "-m", model, "-i", path, "--column", "tokens", "--words", "-o", saved)
    again = ["evaluate", "--task", "token-classification", "--predictions", saved, "--json"]
    assert values(record_of(run(*again))) == values(report)
    both = run("compare", model, model, *words[1:3], "-i", path, "--json")
    assert both.exit_code == 1  # row 4
    assert record_of(both)["rows"] == 3


def test_rows_that_repeat_a_mistake_are_shown_once():
    gold, said = [("B-X", "O")] * 3 + [("O", "O")], [("O", "O")] * 3 + [("B-X", "O")]
    same = predictions(gold, said)
    same.examples = [replace(example, text="a b") for example in same.examples]
    report = measure(same, OPTIONS)
    assert [mistake.row for mistake in report.mistakes] == [1, 4]
