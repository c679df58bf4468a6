"""Evaluation of classification: by hand, against the command and scikit-learn."""

import json

import pytest
from sklearn import metrics as sklearn

from llmcli.spec.evaluation import EvaluateOptions
from llmcli.tasks.evaluate import measure
from tests.evaluation.reports import (
    LABELS,
    TEXTS,
    predictions,
    record_of,
    values,
    write_labelled,
    write_rows,
)

EVALUATE = ["evaluate", "--json", "--task", "classification"]


def test_a_report_by_hand():
    made = predictions(list("aabb"), list("abbb"), [0.9, 0.8, 0.7, 0.6], "ab")
    report = measure(made, EvaluateOptions("classification"))
    metrics = {metric.name: metric.value for metric in report.metrics}
    assert metrics["accuracy"] == 3 / 4
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert metrics["calibration_error"] == pytest.approx((0.1 + 0.8 + 0.3 + 0.4) / 4)
    assert report.details.confusion == ((1, 1), (0, 2))
    (mistake,) = report.mistakes
    assert (mistake.row, mistake.expected, mistake.said) == (2, "a", "b")
    accuracy, *others = report.metrics
    # Of 4 rows, Clopper and Pearson: Beta(3, 2) and Beta(4, 1)
    assert (accuracy.low, accuracy.high) == pytest.approx((0.1941, 0.9937), abs=1e-4)
    assert [(metric.low, metric.high) for metric in others] == [(None, None)] * 2


def test_intervals_by_bootstrap_take_many_rows_and_the_calibration_error_has_none():
    made = predictions(list("ab" * 30), list("abab" * 7 + "bbbb" * 8), [0.9] * 60, "ab")
    accuracy, macro_f1, calibration = measure(made, EvaluateOptions("classification")).metrics
    for metric in (accuracy, macro_f1):
        assert 0 < metric.low < metric.value < metric.high < 1
    assert calibration.low is None
    nearly = predictions(list("ab" * 30), list("ab" * 28 + "bbbb"), labels="ab")  # 2 are wrong
    accuracy, macro_f1 = measure(nearly, EvaluateOptions("classification")).metrics
    assert accuracy.high > accuracy.value and macro_f1.low is None


def test_it_equals_the_command_and_scikit_learn(run, tmp_path, tiny_classifier):
    rows, saved = write_labelled(tmp_path / "gold.jsonl"), tmp_path / "saved.jsonl"
    direct = record_of(run(*EVALUATE, "-m", tiny_classifier, "-i", rows))
    assert run("classify", "-q", "-m", tiny_classifier, "-i", rows, "-o", saved).exit_code == 0
    for more in ([], ["-i", rows]):
        again = record_of(run(*EVALUATE, "--predictions", saved, *more))
        for name in ("metrics", "classes", "confusion", "mistakes"):
            assert again[name] == direct[name]
    said = [json.loads(line)["label"] for line in saved.read_text().splitlines()]
    assert len(set(said)) > 1
    assert values(direct)["accuracy"] == sklearn.accuracy_score(LABELS, said)
    assert values(direct)["macro_f1"] == pytest.approx(
        sklearn.f1_score(LABELS, said, average="macro")
    )
    labels = direct["labels"]
    assert direct["confusion"] == sklearn.confusion_matrix(LABELS, said, labels=labels).tolist()


def test_labels_may_be_numbers_or_have_other_names(run, tmp_path, tiny_classifier):
    words = [*EVALUATE, "--bootstrap", "0", "-m", tiny_classifier, "-i"]
    expected = record_of(run(*words, write_labelled(tmp_path / "gold.jsonl")))["confusion"]
    numbers = {"sad": 0, "glad": 1, "mad": 2}
    for name, names in (("n", numbers), ("u", {label: label.upper() for label in numbers})):
        rows = [{"text": t, "label": names[g]} for t, g in zip(TEXTS, LABELS, strict=True)]
        path = write_rows(tmp_path / f"{name}.jsonl", rows)
        assert record_of(run(*words, path))["confusion"] == expected
    rows = [{"text": t, "mood": f"x{g}"} for t, g in zip(TEXTS, LABELS, strict=True)]
    path = write_rows(tmp_path / "m.csv", rows)
    renamed = ["--label-column", "mood", "--label-map", "xsad=sad,xglad=glad,xmad=mad"]
    assert record_of(run(*words, path, *renamed))["confusion"] == expected


def test_scores_that_are_not_numbers_give_no_confidence(run):
    lines = '{"label": "a", "input_label": "b", "score": NaN}\n{"label": "a", "input_label": "a"}\n'
    record = record_of(run(*EVALUATE, "--predictions", "-", input=lines))
    assert values(record) == {"accuracy": 0.5, "macro_f1": pytest.approx(1 / 3)}
    assert record["mistakes"][0]["confidence"] is None
