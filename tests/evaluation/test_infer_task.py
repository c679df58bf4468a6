"""The task that data and a model are for, where only one is possible."""

import json

import pytest

from llmcli.errors import UsageError
from llmcli.evaluation.infer_task import fields_of, measured_task, training_task
from tests.tiny_models import make_bert


@pytest.mark.parametrize(
    ("fields", "family", "task"),
    [
        ({"text", "label"}, None, "classification"),
        ({"id", "text", "label"}, "encoder", "classification"),
        ({"text", "score"}, "encoder", "regression"),
        ({"text"}, None, "causal-lm"),
        ({"text"}, "causal", "causal-lm"),
        ({"text"}, "encoder", "masked-lm"),
        ({"tokens", "ner_tags"}, None, "token-classification"),
        ({"question", "context", "answers"}, "encoder", "question-answering"),
        ({"source", "target", "from", "to"}, None, "translation"),
        ({"messages"}, "causal", "causal-lm"),
        ({"prompt", "completion"}, None, "causal-lm"),
    ],
)
def test_data_and_a_model_train_one_task(fields, family, task):
    assert training_task(fields, family) == task


@pytest.mark.parametrize(
    ("fields", "family", "telling"),
    [
        ({"text", "label"}, "causal", "causal-lm or classification"),
        ({"source", "target"}, None, "translation or seq2seq"),
        ({"text", "label"}, "seq2seq", "has label, text: name the task"),
        ({"messages"}, "encoder", "has messages: name the task"),
    ],
)
def test_a_task_that_is_not_clear_is_asked_for(fields, family, telling):
    with pytest.raises(UsageError, match=telling):
        training_task(fields, family)


@pytest.mark.parametrize(
    ("fields", "kinds", "task"),
    [
        ({"text", "label"}, ("causal",), "causal-lm"),
        ({"text", "gold"}, ("classifier",), "classification"),
        ({"text", "label"}, ("classifier", "reader", "encoder"), "classification"),
        ({"question", "context", "answers"}, ("classifier", "reader"), "question-answering"),
        ({"text"}, (), "causal-lm"),
        ({"query", "text"}, (), "embedding"),
        ({"row", "source", "translation", "target"}, (), "translation"),
        ({"tokens", "tags"}, (), "token-classification"),
    ],
)
def test_data_and_a_model_are_measured_by_one_task(fields, kinds, task):
    assert measured_task(fields, kinds) == task


def test_the_fields_are_those_of_the_first_rows(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b", "label": "c"}\n')
    assert fields_of(str(path)) == {"text", "label"}
    squad = tmp_path / "dev.json"
    squad.write_text('{"version": "1", "data": [{"title": "a", "paragraphs": []}]}')
    assert fields_of(str(squad)) == {"question", "context", "answers"}
    squad.write_text('[{"text": "a", "label": "b"}]')
    assert fields_of(str(squad)) == {"text", "label"}
    assert fields_of(str(tmp_path / "nowhere.csv")) == set()


def test_evaluate_takes_a_file_without_a_flag_and_says_the_task(run, tiny_classifier, tmp_path):
    path = tmp_path / "dev.csv"
    path.write_text("text,label\nthe cat,sad\na dog,glad\n")
    result = run("evaluate", path, "-m", tiny_classifier, "--json")
    assert (result.exit_code, "[task: classification]" in result.stderr) == (0, True)
    expected = run(
        "evaluate", "--task", "classification", "-m", tiny_classifier, "-i", path, "--json"
    )
    assert json.loads(result.stdout) == json.loads(expected.stdout)
    result = run("evaluate", tiny_classifier, path)  # as spaCy has it
    assert f"llmcli evaluate -m {tiny_classifier} -i {path}" in result.stderr
    assert result.exit_code == 2


def test_a_model_of_numbers_is_measured_by_regression(run, tmp_path):
    words = ("the", "cat", "a", "dog")
    model = make_bert(tmp_path / "m", "SequenceClassification", words, num_labels=1)
    path = tmp_path / "dev.csv"
    path.write_text("text,label\nthe cat,0.5\na dog,1.25\nthe dog,2\n")
    result = run("evaluate", path, "-m", model, "--bootstrap", 0)
    assert (result.exit_code, "[task: regression]" in result.stderr) == (0, True), result.output


def test_compare_infers_the_task_of_models_and_of_predictions(run, tiny_classifier, tmp_path):
    path = tmp_path / "dev.csv"
    path.write_text("text,label\nthe cat,sad\na dog,glad\n")
    words = ("-i", path, "--bootstrap", 0)
    assert run("compare", tiny_classifier, tiny_classifier, *words).exit_code == 0
    run("classify", "-i", path, "-m", tiny_classifier, "-o", tmp_path / "out.jsonl")
    result = run("compare", tmp_path / "out.jsonl", tmp_path / "out.jsonl", *words)
    assert (result.exit_code, "[task: classification]" in result.stderr) == (0, True), result.output
