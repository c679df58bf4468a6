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
TWO = ("glad", "sad")


@pytest.fixture
def preference(tmp_path, monkeypatch):
    """The file of the page, beside the other tasks."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    folder = tmp_path / "objectives"
    folder.mkdir()
    (folder / "preference.py").write_text(code, "utf-8")
    monkeypatch.setattr(objectives, "__path__", [*objectives.__path__, str(folder)])
    (option,) = [one for one in command.params if one.name == "task"]
    monkeypatch.setattr(option, "type", click.Choice(objectives.task_names()))


@pytest.fixture
def arguments(preference, learner, tmp_path):
    """Pairs, of which the text with the word `good` is preferred to the one with `bad`."""
    rows = moods(300)
    glad, sad = ([row["text"] for row in rows if row["label"] == label] for label in TWO)
    pairs = [{"chosen": glad[at], "rejected": sad[at]} for at in range(120)]
    data = tmp_path / "rows.jsonl"
    write_rows(data, pairs)
    return ["finetune", "--task", "preference", "-m", learner, "-q", "--train", data]


def test_it_is_trained(run, arguments, tmp_path):
    folder = tmp_path / "model"
    steps = ["--max-steps", 60, "--lr", 1e-2, "--batch-size", 16, "--dtype", "float32"]
    result = run(*arguments, *steps, "-o", folder, "--best-metric", "accuracy")
    assert result.exit_code == 0, result.output
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = tokenizer(["the cat is good", "it is bad"], padding=True)
    with torch.no_grad():
        good, bad = model(**texts.convert_to_tensors("pt")).logits[:, 0].tolist()
    assert good > bad + 1
    card = (folder / "README.md").read_text()
    assert "--task preference" in card and "accuracy 1.0000" in card


def test_its_data_are_checked(run, arguments):
    result = run(*arguments, "--eval-fraction", 0, "--check", "--json")
    (found,) = json.loads(result.stdout)["checks"]
    assert (result.exit_code, found["task"], found["ok"]) == (0, "preference", True)
    assert found["numbers"]["train_examples"] == 120
    assert all(sample[0]["learnt"] for sample in found["samples"])
    data = arguments[-1]
    data.write_text(data.read_text() + '{"chosen": "it", "rejected": [5]}\n')
    shown = run(*arguments, "--check")
    assert shown.exit_code == 1
    assert "line 121: field 'rejected' is list, not text" in shown.stdout


def test_its_run_is_estimated(run, arguments):
    result = run(*arguments, "--dry-run", "--json", "--dtype", "float32")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["steps"] == 12  # 108 rows in batches of 32, three times


def test_help_lists_it(run, preference):
    assert "preference" in run("finetune", "--help").stdout
