"""What is decided during a run: to stop, and which checkpoint is the best."""

import json

import pytest

from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.tasks.finetune import finetune
from llmcli.training.monitor import is_stuck
from tests.tiny_data import moods
from tests.training.conftest import FinishedRun


def test_a_loss_that_is_no_number_stops_the_run(options, tmp_path):
    with pytest.raises(ModelUnsuitable, match="the loss at step .* is not finite.*`learning_rate`"):
        finetune(options(learning_rate=1e20, max_grad_norm=0, warmup=0.0))
    assert not (tmp_path / "model" / "model.safetensors").exists()


def test_training_stops_when_nothing_gets_better(learner, fit, tmp_path):
    changes = {"early_stopping": 2, "eval_steps": 10, "max_steps": 100, "best_metric": "accuracy"}
    result = fit(learner, moods(), "classification", **changes)
    assert result.steps < 100 and result.metrics["accuracy"] == 1.0
    lines = (tmp_path / "model" / "metrics.jsonl").read_text().splitlines()
    validations = [record for line in lines if "eval_loss" in (record := json.loads(line))]
    accuracies = [record["metrics"]["accuracy"] for record in validations]
    assert max(accuracies[-2:]) <= max(accuracies[:-2])  # two were no better
    best = [record for record in validations if record["metrics"]["accuracy"] == max(accuracies)]
    assert len(best) > 1  # the lower loss decides
    assert result.best_step == min(best, key=lambda record: record["eval_loss"])["step"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"best_metric": "bleu"}, "`best_metric` bleu: this task has loss, accuracy, macro_f1"),
        ({"early_stopping": 2, "eval_fraction": 0.0}, "need validation data: give `eval`"),
    ],
)
def test_a_metric_that_there_is_not_is_refused(learner, fit, tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        fit(learner, moods(), "classification", **changes)
    assert not (tmp_path / "model").exists()


def test_every_metric_of_the_task_can_decide(learner, fit):
    result = fit(learner, moods(), "classification", max_steps=1, best_metric="macro_f1")
    assert set(result.metrics) == {"loss", "accuracy", "macro_f1"}
    assert result.perplexity is None  # the loss is not per token


def test_a_run_is_stuck_after_so_many_validations_without_a_better_one():
    history = [{"eval_accuracy": value} for value in (0.5, 0.9, 0.8, 0.9)]
    assert is_stuck(history, "accuracy", 2)
    assert not is_stuck(history, "accuracy", 3)
    assert not is_stuck(history, "accuracy", None)
    assert not is_stuck([{"eval_loss": value} for value in (2.0, 1.0, 0.9)], "loss", 2)


def test_the_last_step_is_reported(options):
    run = FinishedRun(options(max_steps=7, log_steps=5, eval_fraction=0.0))
    assert [report.step for report in run.progress] == [1, 5, 7]
