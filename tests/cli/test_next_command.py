"""finetune ends with a command that works with the new model."""

import json
import shlex

import pytest

from llmcli.cli.next_command import COMMANDS, next_commands
from llmcli.spec.training import Training
from llmcli.tasks.finetune import pipeline_tags, training_tasks


@pytest.mark.parametrize("task", training_tasks())
def test_each_task_has_a_command(task, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bart"}')
    training = Training(("a.jsonl",), str(tmp_path), task=task, chat=task == "causal-lm")
    (command,) = next_commands(pipeline_tags(training), training)
    assert str(tmp_path) in command and ("--chat" in command) == training.chat


def test_all_commands_exist(run):
    for command in COMMANDS.values():
        name = command.split()[0]
        assert run(name, "--help").exit_code == 0


def test_a_t5_model_that_translates_nothing_has_none(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "mt5"}')
    training = Training(("a.jsonl",), str(tmp_path), task="seq2seq")
    assert next_commands(pipeline_tags(training), training) == []


def test_the_command_that_finetune_names_runs(run, learner, tmp_path):
    rows = [
        {"text": f"the {word} {n}", "label": word} for n in range(20) for word in ("cat", "dog")
    ]
    data = tmp_path / "a.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("--task", "classification", "--train", data, "-o", tmp_path / "new model")
    result = run("finetune", "-m", learner, *words, "--max-steps", 2)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("use it: llmcli ")]
    used = run(*shlex.split(line.removeprefix("use it: llmcli ")))
    assert used.exit_code == 0 and ("cat" in used.stdout or "dog" in used.stdout)
    assert "held out: 2 of 40 rows, drawn at random (--seed 42), each label in its share" in (
        result.stderr
    )
