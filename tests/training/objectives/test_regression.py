"""A number for each text is learnt; `classify` shows it, `evaluate` and `compare` measure it."""

import csv
import json
import math

import pytest
from scipy import stats
from sklearn.metrics import mean_squared_error

from tests.tiny_data import moods, write_rows
from tests.tiny_models import make_bert

SCORES = {"glad": 4.5, "sad": 1.0}
EVALUATE = ("evaluate", "--task", "regression", "--json")


def rated(count=120):
    """Texts with a high score for the word `good` and a low one for `bad`."""
    return [{"text": row["text"], "score": SCORES[row["label"]]} for row in moods(count)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A random model that computes a number between about -1 and 1."""
    words = ("the", "cat", "dog", "is", "on", "mats", "it", "good", "bad")
    settings = {"num_labels": 1, "problem_type": "regression"}
    folder = tmp_path_factory.mktemp("regression")
    return make_bert(folder, "SequenceClassification", words, **settings)


def test_numbers_are_learnt_and_classify_shows_them(run, learner, fit, tmp_path):
    result = fit(learner, rated(), "regression", max_steps=90, schedule="cosine")
    assert result.metrics["pearson"] > 0.95 and result.metrics["mean_squared_error"] < 0.3
    assert result.metrics["loss"] == pytest.approx(result.metrics["mean_squared_error"])
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert (config["problem_type"], config["id2label"]) == ("regression", {"0": "score"})
    shown = run("classify", "the cat is good", "-m", tmp_path / "model", "-q").stdout
    assert float(shown) == pytest.approx(4.5, abs=0.5)


def test_pairs_and_texts_of_numbers_are_learnt(learner, fit):
    rows = [
        {"sentence1": f"the {first}", "sentence2": f"a {second}", "label": f" {score} "}
        for first in ("cat", "dog")
        for second, score in (("cat", 2.5), ("dog", 0))
    ] * 40
    changes = {"columns": ("sentence1", "sentence2"), "max_steps": 60, "learning_rate": 5e-3}
    result = fit(learner, rows, "regression", **changes)
    assert result.metrics["pearson"] > 0.9  # the first text alone tells nothing


@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_every_format_has_the_number_and_no_probability(run, model, tmp_path, engine):
    words = ("classify", "-m", model, "--engine", engine, "-q")
    texts = ["the cat is good", "it is bad"]
    records = json.loads(run(*words, *texts, "--json").stdout)
    numbers = [record["score"] for record in records]
    assert len({round(number, 3) for number in numbers}) == 2
    assert any(not 0 <= number <= 1 for number in numbers)
    lines = run(*words, *texts).stdout.split()
    assert [float(line) for line in lines] == pytest.approx(numbers, abs=1e-4)
    table = csv.DictReader(run(*words, *texts, "--format", "csv").stdout.splitlines())
    assert [float(row["score"]) for row in table] == pytest.approx(numbers, abs=1e-6)
    assert run(*words, texts[0], "--multi-label").exit_code == 2


def test_evaluate_equals_scipy_and_scikit_learn(run, model, tmp_path):
    rows, saved = tmp_path / "gold.jsonl", tmp_path / "saved.jsonl"
    write_rows(rows, rated(30))
    assert run("classify", "-m", model, "-i", rows, "-o", saved, "-q").exit_code == 0
    said = [json.loads(line)["score"] for line in saved.read_text().splitlines()]
    gold = [row["score"] for row in rated(30)]
    expected = {
        "pearson": stats.pearsonr(gold, said)[0],
        "spearman": stats.spearmanr(gold, said)[0],
        "mean_squared_error": mean_squared_error(gold, said),
    }
    for more in (("-m", model, "-i", rows), ("--predictions", saved)):
        (record,) = json.loads(run(*EVALUATE, *more).stdout)
        values = {name: metric["value"] for name, metric in record["metrics"].items()}
        assert values == pytest.approx(expected, abs=1e-5)
    result = run("compare", "--task", "regression", model, saved, "-i", rows, "--json")
    (record,) = json.loads(result.stdout)
    assert record["metrics"]["mean_squared_error"]["difference"] == pytest.approx(0, abs=1e-6)


def test_a_model_of_the_other_kind_is_refused(run, model, tiny_classifier, tmp_path):
    rows = write_rows(tmp_path / "a.jsonl", rated(4))
    result = run(*EVALUATE, "-m", tiny_classifier, "-i", rows)
    assert result.exit_code == 5 and "--task classification" in result.stderr
    other = write_rows(tmp_path / "b.jsonl", moods(4))
    result = run("evaluate", "--task", "classification", "-m", model, "-i", other)
    assert result.exit_code == 5 and "--task regression" in result.stderr
    assert "finetune --task regression" in run(*EVALUATE, "-i", rows).stderr


@pytest.mark.parametrize("value", [None, "much", True, "", math.nan, "1_0", [1.0]])
def test_what_is_no_number_is_named_with_its_line(run, learner, tmp_path, value):
    rows = write_rows(tmp_path / "a.jsonl", [*rated(3), {"text": "it", "score": value}])
    words = ("finetune", "--task", "regression", "-m", learner, "--train", rows)
    result = run(*words, "-o", tmp_path / "model")
    assert result.exit_code == 3 and "a.jsonl, line 4: 'score' is not a number" in result.stderr


def test_scores_in_a_classification_are_a_finding(run, learner, tmp_path):
    rows = [{"text": row["text"], "label": at / 10} for at, row in enumerate(moods(51))]
    data = write_rows(tmp_path / "a.jsonl", rows)
    words = ("finetune", "--task", "classification", "-m", learner, "--train", data)
    result = run(*words, "--check")
    assert result.exit_code == 1
    assert "51 labels are numbers with decimals" in result.stdout
    assert "use --task regression" in result.stdout
