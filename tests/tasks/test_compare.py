"""compare: by hand, and by the command on models and files."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from llmcli.errors import InputError
from llmcli.spec.evaluation import EvaluateOptions
from llmcli.tasks.compare import compare
from tests.evaluation.reports import (
    LABELS,
    predictions,
    record_of,
    write_labelled,
    write_rows,
)
from tests.tiny_models import MORE_WORDS, STORY, WORDS, make_bert
from tests.tiny_models import labels as labels_of

OPTIONS = EvaluateOptions("classification")


def labels(expected, predicted):
    return predictions(list(expected), list(predicted), labels="ab")


def test_a_comparison_by_hand():
    comparison = compare(labels("aaaaaaaa", "aaaabbbb"), labels("aaaaaaaa", "baaaaaab"), OPTIONS)
    accuracy = comparison.differences[0]
    assert (accuracy.a, accuracy.b, accuracy.difference) == (4 / 8, 6 / 8, 2 / 8)
    assert (comparison.mcnemar.only_a, comparison.mcnemar.only_b) == (1, 3)
    assert comparison.mcnemar.p == pytest.approx(stats.binomtest(1, 4).pvalue)
    assert [(change.row, change.change) for change in comparison.changed] == [
        (1, "wrong"),
        (5, "right"),
        (6, "right"),
        (7, "right"),
    ]
    assert (comparison.became_right, comparison.became_wrong) == (3, 1)


def test_the_same_rows_are_drawn_for_both():
    # b has 12 rows more: always a difference of 0 to some rows, never below 0
    expected, draw = ["a"] * 50, np.random.default_rng(1)
    said = ["a" if is_right else "b" for is_right in draw.random(50) < 0.5]
    better = [*said]
    for row in [at for at, label in enumerate(said) if label == "b"][:12]:
        better[row] = "a"
    comparison = compare(labels(expected, said), labels(expected, better), OPTIONS)
    accuracy, macro_f1 = comparison.differences
    assert 0 < macro_f1.low < macro_f1.difference < macro_f1.high
    # Bonett and Price, with 1 and 13 of 52
    half = 1.96 * math.sqrt((14 / 52 - (12 / 52) ** 2) / 52)
    assert (accuracy.low, accuracy.high) == pytest.approx(
        (12 / 52 - half, 12 / 52 + half), abs=1e-4
    )
    same = compare(labels(expected, said), labels(expected, said), OPTIONS)
    assert same.differences[0].low == -same.differences[0].high < 0
    assert same.differences[1].low is None
    assert (same.mcnemar.p, same.changed) == (1, ())


def test_rows_that_are_not_the_same_are_refused():
    with pytest.raises(InputError, match="line 1 is 'a' for the first and 'b'"):
        compare(labels("a", "a"), labels("b", "a"), OPTIONS)
    other = labels("aa", "aa")
    del other.examples[0]
    with pytest.raises(InputError, match="no row in common"):
        compare(labels("a", "a"), other, OPTIONS)


def test_models_and_files(run, tmp_path, tiny_classifier):
    rows, saved = write_labelled(tmp_path / "gold.jsonl"), tmp_path / "saved.jsonl"
    run("classify", "-q", "-m", tiny_classifier, "-i", rows, "-o", saved)
    words = ["compare", "--task", "classification", "--json", "-i", rows]
    same = record_of(run(*words, tiny_classifier, saved))
    assert same["mcnemar"] == {"only_a": 0, "only_b": 0, "p": 1.0}
    assert same["metrics"]["accuracy"]["difference"] == 0 and same["changed"] == []
    right = [{"row": n, "label": label, "score": 1.0} for n, label in enumerate(LABELS, 1)]
    perfect = write_rows(tmp_path / "perfect.jsonl", right)
    record = record_of(run(*words, saved, perfect, "--rows", 2))
    assert record["metrics"]["accuracy"]["b"] == 1
    assert record["became_right"] == record["mcnemar"]["only_b"] > 2 == len(record["changed"])
    assert record["changed"][0]["b"] == record["changed"][0]["expected"]
    assert json.dumps(record).startswith('{"task": "classification", "a": ')


def test_perplexities(run, tmp_path, tiny_gpt2, tiny_chat):
    path = tmp_path / "a.txt"
    path.write_text(STORY * 3)
    words = ["compare", "--task", "causal-lm", "--json", "-i", path]
    record = record_of(run(*words, tiny_gpt2, tiny_chat))
    bits = record["metrics"]["bits_per_byte"]
    assert bits["difference"] == pytest.approx(bits["b"] - bits["a"])
    assert record["mcnemar"] is None and record["better"] + record["worse"] == 3


def test_models_with_other_names_for_the_same_labels_are_compared(run, tmp_path):
    folders = []
    for names in (("sad", "glad"), ("LABEL_0", "LABEL_1")):
        folder = tmp_path / names[0]
        head = {"num_labels": 2, **labels_of(dict(enumerate(names)))}
        folders.append(make_bert(folder, "SequenceClassification", WORDS + MORE_WORDS, **head))
    rows = write_rows(
        tmp_path / "rows.jsonl",
        [{"text": text, "label": at % 2} for at, text in enumerate(("the cat", "a dog", "it ran"))],
    )
    words = ("compare", "--task", "classification", *folders, "-i", rows, "--json")
    result = run(*words, "--bootstrap", 0)
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)
    assert record["metrics"]["accuracy"]["difference"] == 0 and record["changed"] == []
