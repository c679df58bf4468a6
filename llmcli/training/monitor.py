"""Watches a run step by step: reports progress, asks for checkpoints, decides when to stop."""

import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback

from llmcli.training.base import require_finite_loss
from llmcli.training.results import Progress, perplexity
from llmcli.training.resume import best_step, lower_is_better
from llmcli.training.trainer import ObjectiveTrainer


class Monitor(TrainerCallback):
    """Reports progress and stops a run that diverges, that the user stops, or that is stuck."""

    def __init__(
        self,
        trainer: ObjectiveTrainer,
        report: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.trainer = trainer
        self.report = report
        self.should_stop = should_stop
        self._mark = (0, 0, 0.0)  # step, tokens and time since which speed is measured

    def _set_mark(self, state: Any) -> None:
        self._mark = (state.global_step, self.trainer.seen_tokens, time.perf_counter())

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock."""
        self._set_mark(state)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Report the last step; stop, with a checkpoint, where the user asks for it."""
        if state.global_step == state.max_steps:
            control.should_log = True
        stop = self.should_stop()
        if args.world_size > 1:  # a process that stopped alone would leave the others waiting
            asked = torch.tensor(int(stop), device=self.trainer.accelerator.device)
            stop = bool(self.trainer.accelerator.reduce(asked, "sum"))
        if stop:
            control.should_training_stop = True
            control.should_save = control.should_log = True

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Save the best checkpoint so far; stop a run that gets no better."""
        metric, patience = self.trainer.best_metric, self.trainer.options.early_stopping
        if best_step(state.log_history, metric) == state.global_step:
            control.should_save = True
        if is_stuck(state.log_history, metric, patience):
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Report the loss, or the metrics of a validation."""
        logs: dict[str, float] = more["logs"]
        if "loss" in logs:
            self.report(self._training_progress(state, logs))
        elif "eval_loss" in logs:
            self.report(self._validation_progress(state, logs))
        self._set_mark(state)  # so that evaluation does not count

    def _validation_progress(self, state: Any, logs: dict[str, float]) -> Progress:
        metrics = {
            key.removeprefix("eval_"): value
            for key, value in logs.items()
            if key.startswith("eval_") and key != "eval_loss"
        }
        loss = logs["eval_loss"]
        return Progress(
            state.global_step,
            state.max_steps,
            eval_loss=loss,
            metrics=metrics,
            perplexity=perplexity(loss) if self.trainer.objective.loss_is_per_token else None,
        )

    def _training_progress(self, state: Any, logs: dict[str, float]) -> Progress:
        require_finite_loss(logs["loss"], f"the loss at step {state.global_step}")
        step, tokens, start = self._mark
        seconds = max(time.perf_counter() - start, 1e-9)
        steps = max(1, state.global_step - step)
        processes = self.trainer.accelerator.num_processes
        return Progress(
            state.global_step,
            state.max_steps,
            loss=logs["loss"],
            learning_rate=logs["learning_rate"],
            tokens_per_second=(self.trainer.seen_tokens - tokens) * processes / seconds,
            seconds_left=seconds / steps * (state.max_steps - state.global_step),
        )


def is_stuck(history: list[dict[str, Any]], metric: str, patience: int | None) -> bool:
    """True where the last `patience` validations were no better than one before.

    patience: None: never stuck.
    """
    values = [entry[f"eval_{metric}"] for entry in history if f"eval_{metric}" in entry]
    if lower_is_better(metric):
        values = [-value for value in values]
    if not patience or len(values) <= patience:
        return False
    return bool(max(values[-patience:]) <= max(values[:-patience]))
