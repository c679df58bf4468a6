"""Evaluation of tags, by hand."""

import pytest

from llmcli.errors import InputError
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.tasks.evaluate import measure
from tests.evaluation.reports import predictions, record_of, values, write_rows

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
