"""A file is all that a new training task needs: that of docs/add-a-training-task.md is trained."""

import json
import re
from pathlib import Path

import click
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import llmcli
from llmcli.cli.finetune import finetune as command
from llmcli.training import objectives
from tests.tiny_data import moods, write_rows

PAGE = Path(llmcli.__file__).parents[1] / "docs" / "add-a-training-task.md"
SCORES = {"glad": 2.0, "sad": -1.0}


@pytest.fixture
def regression(tmp_path, monkeypatch):
    """The file of the page, beside the other tasks."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    folder = tmp_path / "objectives"
    folder.mkdir()
    (folder / "regression.py").write_text(code, "utf-8")
    monkeypatch.setattr(objectives, "__path__", [*objectives.__path__, str(folder)])
    (option,) = [one for one in command.params if one.name == "task"]
    monkeypatch.setattr(option, "type", click.Choice(objectives.task_names()))


@pytest.fixture
def arguments(regression, learner, tmp_path):
    """Texts with a high score for the word `good` and a low one for `bad`."""
    rows = [{"text": row["text"], "score": SCORES[row["label"]]} for row in moods()]
    data = tmp_path / "rows.jsonl"
    write_rows(data, rows)
    return ["finetune", "--task", "regression", "-m", learner, "-q", "--train", data]


def test_it_is_trained(run, arguments, tmp_path):
    folder = tmp_path / "model"
    steps = ["--max-steps", 60, "--lr", 1e-2, "--batch-size", 16, "--dtype", "float32"]
    result = run(*arguments, *steps, "-o", folder, "--best-metric", "mean_absolute_error")
    assert result.exit_code == 0, result.output
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = tokenizer(["the cat is good", "it is bad"], padding=True)
    with torch.no_grad():
        scores = model(**texts.convert_to_tensors("pt")).logits[:, 0]
    assert scores.tolist() == pytest.approx([2.0, -1.0], abs=0.3)
    card = (folder / "README.md").read_text()
    assert "--task regression" in card and "mean absolute error" in card


def test_its_data_are_checked(run, arguments):
    result = run(*arguments, "--eval-fraction", 0, "--check", "--json")
    (found,) = json.loads(result.stdout)["checks"]
    assert (result.exit_code, found["task"], found["ok"]) == (0, "regression", True)
    assert found["numbers"]["train_examples"] == 120
    assert all(sample[-1]["learnt"] for sample in found["samples"])
    data = arguments[-1]
    data.write_text(data.read_text() + '{"text": "it", "score": "much"}\n')
    shown = run(*arguments, "--check")
    assert shown.exit_code == 1
    assert "line 121: no number in the field 'score'" in shown.stdout


def test_its_run_is_estimated(run, arguments):
    result = run(*arguments, "--dry-run", "--json", "--dtype", "float32")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["steps"] == 12  # 108 rows in batches of 32, three times


def test_help_lists_it(run, regression):
    assert "regression" in run("finetune", "--help").stdout
