"""evaluate: predictions of models and of files, rows that fail, and the report."""

import json

import pytest

from llmcli.data.rows import Row
from llmcli.engines.choose import load_on_torch as load
from llmcli.errors import UsageError
from llmcli.evaluation.evaluation_set import EvaluationSet
from llmcli.spec import ModelSpec
from llmcli.spec.evaluation import EvaluateOptions, PerplexityOptions
from llmcli.spec.tasks import TranslateOptions
from llmcli.tasks.evaluate import evaluate, evaluate_saved, is_prediction_file
from tests.evaluation.reports import (
    LABELS,
    TEXTS,
    record_of,
    values,
    write_labelled,
    write_rows,
)

CLASSIFICATION = EvaluateOptions("classification")
EVALUATE = ["evaluate", "--task", "classification"]


@pytest.fixture
def labelled(tmp_path):
    return write_labelled(tmp_path / "gold.jsonl")


def test_a_report_has_the_record_that_json_prints(run, labelled, tiny_classifier):
    printed = record_of(run(*EVALUATE, "-m", tiny_classifier, "-i", labelled, "--json"))
    loaded = load(ModelSpec(str(tiny_classifier)), ("classifier",))
    rows = [
        Row(number, text, {"text": text, "label": label})
        for number, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True), 1)
    ]
    report = evaluate(loaded, EvaluationSet(rows, str(labelled)), CLASSIFICATION)
    assert json.loads(json.dumps(report.to_dict())) == printed
    assert report.rows_read == len(TEXTS) and report.notes == ()


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_saved_predictions_of_every_format(run, tmp_path, labelled, tiny_classifier, kind):
    plain, other = tmp_path / "a.jsonl", tmp_path / f"a.{kind}"
    for path in (plain, other):
        run("classify", "-q", "-m", tiny_classifier, "-i", labelled, "-o", path)
    options = EvaluateOptions("classification", by=("level",))
    first, second = (evaluate_saved(str(path), options).to_dict() for path in (plain, other))
    assert second["metrics"] == first["metrics"] and second["slices"] == first["slices"]
    assert [part["value"] for part in first["slices"]] == ["easy", "hard"]


def test_limit_takes_the_first_rows(run, labelled, tiny_classifier):
    words = [*EVALUATE, "-m", tiny_classifier, "-i", labelled]
    record = record_of(run(*words, "--limit", 3, "--json"))
    assert record["rows"] == sum(map(sum, record["confusion"])) == 3


def test_rows_without_a_prediction_fail(run, tmp_path, labelled):
    rows = [{"row": 2, "label": "glad"}, {"row": 4, "error": "too long"}]
    path = write_rows(tmp_path / "a.jsonl", rows)
    result = run(*EVALUATE, "--predictions", path, "-i", labelled, "--limit", 4, "--json")
    assert result.exit_code == 1
    assert (record_of(result)["rows"], record_of(result)["failed"]) == (1, 3)
    assert "[row 1: no prediction in the file]" in result.stderr
    assert "[row 4: too long]" in result.stderr


def test_rows_that_fail_are_named_and_the_others_measured(run, tmp_path, tiny_classifier):
    rows = [
        {"text": "a dog", "label": "sad"},
        {"text": "", "label": "sad"},
        {"text": "a cat", "label": "happy"},
        {"text": "a cat"},
    ]
    path = write_rows(tmp_path / "a.jsonl", rows)
    result = run(*EVALUATE, "-m", tiny_classifier, "-i", path)
    assert result.exit_code == 1
    assert "1 rows of" in result.stdout and "3 failed" in result.stdout
    assert "[row 2: the text is empty]" in result.stderr
    assert "[row 4: no field 'label'" in result.stderr
    assert "the label 'happy' is none of the model's (sad, glad, mad)" in result.stderr
    assert "3 of 4 rows failed" in result.stderr


def test_the_report_is_a_file_whole_or_not_at_all(run, tmp_path, labelled, tiny_classifier):
    words = [*EVALUATE, "-q", "-m", tiny_classifier, "-i", labelled]
    for name in ("a.txt", "a.json", "a.jsonl"):
        assert run(*words, "-o", tmp_path / name).stdout == ""
    assert "accuracy" in (tmp_path / "a.txt").read_text()
    (array,) = json.loads((tmp_path / "a.json").read_text())
    assert array == json.loads((tmp_path / "a.jsonl").read_text())
    failed = run(*words, "--label-column", "nothing", "-o", tmp_path / "b.txt")
    assert failed.exit_code == 3 and not list(tmp_path.glob("b.*"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            EvaluateOptions("classification", perplexity=PerplexityOptions(4, 2)),
            "`block_size` and `stride` go with `task`=causal-lm",
        ),
        (
            EvaluateOptions("causal-lm", translate=TranslateOptions(to_lang="fr")),
            "`to_lang` goes with `task`=translation",
        ),
        (
            EvaluateOptions("embedding", label_map=(("0", "good"),)),
            "`label_map` goes with `task`=classification",
        ),
    ],
)
def test_options_of_another_task_are_refused(options, message):
    with pytest.raises(UsageError) as caught:
        evaluate_saved("nowhere.jsonl", options)
    assert str(caught.value) == message


def test_files_of_predictions_are_known_by_their_names(tmp_path):
    (tmp_path / "model.json").mkdir()
    assert is_prediction_file("a.csv.xz") and is_prediction_file("A.JSONL")
    assert not is_prediction_file("gpt2") and not is_prediction_file(str(tmp_path / "model.json"))


def test_metrics_are_by_name(tmp_path):
    rows = [
        {"text": "a", "label": "glad", "gold": "glad"},
        {"text": "b", "label": "sad", "gold": "glad"},
    ]
    saved = write_rows(tmp_path / "saved.jsonl", rows)
    record = evaluate_saved(str(saved), EvaluateOptions("classification", label_column="gold"))
    assert values(record.to_dict()).keys() == {"accuracy", "macro_f1"}
