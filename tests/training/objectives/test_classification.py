"""Labels of texts are learnt, and `classify` predicts them."""

import json
import random

from tests.tiny_data import moods


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def test_a_classifier_is_learnt_and_classify_uses_it(run, learner, fit, tmp_path):
    result = fit(learner, moods(), "classification")
    assert result.metrics["accuracy"] == 1.0 and result.metrics["macro_f1"] == 1.0
    assert config_of(tmp_path / "model")["id2label"] == {"0": "glad", "1": "sad"}
    shown = run("classify", "the dog is bad", "-m", tmp_path / "model", "--json")
    assert json.loads(shown.stdout)[0]["label"] == "sad"


def test_labels_that_are_numbers_keep_their_order_and_can_be_evaluated(run, learner, fit, tmp_path):
    rows = [{**row, "label": 10 if row["label"] == "sad" else 9.0} for row in moods()]
    fit(learner, rows, "classification", max_steps=1)
    assert config_of(tmp_path / "model")["id2label"] == {"0": "9", "1": "10"}
    data, words = tmp_path / "train.jsonl", ["evaluate", "--task", "classification", "--json"]
    shown = run(*words, "-m", tmp_path / "model", "-i", data)
    assert shown.exit_code == 0, shown.output
    assert set(json.loads(shown.stdout)[0]["labels"]) == {"9", "10"}


def test_labels_that_are_true_and_false_can_be_evaluated(run, learner, fit, tmp_path):
    rows = [{**row, "label": row["label"] == "sad"} for row in moods()]
    fit(learner, rows, "classification")
    data, words = tmp_path / "train.jsonl", ["evaluate", "--task", "classification", "--json"]
    shown = run(*words, "-m", tmp_path / "model", "-i", data)
    (record,) = json.loads(shown.stdout)
    assert record["labels"] == ["False", "True"]
    assert record["metrics"]["accuracy"]["value"] == 1.0


def test_pairs_of_texts_are_classified_together(learner, fit):
    draw = random.Random(1)
    rows = []
    for _ in range(160):
        one, other = draw.choice(["cat", "dog"]), draw.choice(["cat", "dog"])
        rows.append({"a": f"the {one}", "b": f"a {other}", "label": other})
    changes = {"columns": ("a", "b"), "learning_rate": 5e-3, "max_steps": 60}
    result = fit(learner, rows, "classification", **changes)
    assert result.metrics["accuracy"] == 1.0  # the first text alone tells nothing


def test_several_labels_at_once(run, learner, fit, tmp_path):
    rows = []
    for row in moods():
        is_animal = bool({"cat", "dog"} & set(row["text"].split()))
        labels = [row["label"]] + ["animal"] * is_animal
        rows.append({"text": row["text"], "label": labels})
    changes = {"multi_label": True, "max_steps": 180, "learning_rate": 3e-3}
    changes |= {"schedule": "cosine", "eval_fraction": 0.1}
    result = fit(learner, rows, "classification", **changes)
    assert result.metrics["micro_f1"] > 0.9
    shown = run("classify", "the cat is good", "-m", tmp_path / "model", "--json").stdout
    scores = {one["label"]: one["score"] for one in json.loads(shown)[0]["scores"]}
    assert scores["glad"] > 0.5 and scores["animal"] > 0.5 and scores["sad"] < 0.5


def test_a_csv_file_has_several_labels_between_semicolons(learner, fit, tmp_path):
    data = tmp_path / "rows.csv"
    data.write_text("text,label\n" + 'the cat,"a;b"\nthe dog,b\nit,\n' * 4)
    fit(learner, [], "classification", train=(str(data),), multi_label=True, max_steps=1)
    config = config_of(tmp_path / "model")
    assert config["problem_type"] == "multi_label_classification"
    assert list(config["id2label"].values()) == ["a", "b"]
