"""evaluate and compare: of a file, of records and of saved predictions; as the commands do."""

import json

import pytest

import llmcli
from tests.api.same import assert_same

ROWS = [
    {"id": 1, "text": "I loved it.", "label": "positive"},
    {"id": 2, "text": "I hated it.", "label": "negative"},
    {"id": 3, "text": "A wonderful film!", "label": "negative"},
    {"id": 4, "text": "", "label": "negative"},
]
NOTE = "row 4: the text is empty"


@pytest.fixture
def dev(tmp_path):
    path = tmp_path / "dev.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_a_file_and_its_records_give_what_the_command_prints(run, dev):
    (printed,) = json.loads(run("evaluate", "--task", "classification", "-i", dev, "--json").stdout)
    for data in (dev, str(dev), ROWS, iter(ROWS)):
        report = llmcli.evaluate(data, task="classification")
        record = report.to_dict()
        assert record["input"] == (str(dev) if data in (dev, str(dev)) else "4 rows")
        assert_same(record | {"input": ""}, printed | {"input": ""})
        assert report.failures == (llmcli.RowFailure(4, "the text is empty"),)
        assert report.notes[0].startswith("bert-en: a small model")
        assert report.notes[1:] == (NOTE,)


def test_saved_predictions_need_no_model(run, dev, tmp_path):
    saved = tmp_path / "out.jsonl"
    run("classify", "-i", dev, "-o", saved)
    with_gold = llmcli.evaluate(predictions=saved, task="classification")
    joined = llmcli.evaluate(dev, predictions=saved, task="classification")
    assert with_gold.metrics[0].value == joined.metrics[0].value == pytest.approx(2 / 3)
    assert with_gold.notes == (NOTE,)
    assert llmcli.compare(saved, str(saved), task="classification").rows == 3


def test_two_models_are_compared_on_the_same_rows(dev):
    with llmcli.load("bert-en") as model:
        for data in (dev, iter(ROWS)):
            comparison = llmcli.compare(model, "bert-en", data, task="classification")
            assert comparison.rows == 3
            assert comparison.differences[0].a == comparison.differences[0].b
            assert comparison.notes == (NOTE, NOTE)


def test_options_and_a_model_that_is_kept(dev):
    options = llmcli.EvaluateOptions("classification", bootstrap=0, mistakes=1, by=("label",))
    with llmcli.load("bert-en") as model:
        report = llmcli.evaluate(dev, model=model, options=options)
        assert report.metrics[0].low is None
        assert [mistake.row for mistake in report.mistakes] == [3]
        assert {part.value for part in report.slices} == {"positive", "negative"}
        assert "1 parts loaded" in repr(model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": ROWS}, "`task` is needed"),
        ({"task": "classification"}, "`data` is needed, or `predictions`"),
        (
            {"data": ROWS, "task": "translation", "options": llmcli.EvaluateOptions("causal-lm")},
            "'translation' contradicts the 'causal-lm'",
        ),
        (
            {"data": ROWS, "options": llmcli.EvaluateOptions("causal-lm", characters=True)},
            "`characters`",
        ),
    ],
)
def test_calls_that_contradict_themselves(arguments, message):
    with pytest.raises(llmcli.UsageError, match=message):
        llmcli.evaluate(**arguments)


def test_comparing_models_needs_rows():
    with pytest.raises(llmcli.UsageError, match="`data` is needed"):
        llmcli.compare("bert-en", "bert-en", task="classification")
