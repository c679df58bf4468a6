"""The glue between a training run as the user sees it and transformers' Trainer."""

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_model
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from llmcli.errors import InputError, UsageError
from llmcli.spec.training import Training
from llmcli.training.checkpoints import (
    best_step,
    checkpoint_root,
    keep_newest,
    lower_is_better,
    move_into_place,
)
from llmcli.training.distributed import world_size
from llmcli.training.objectives.base import Dataset, Objective
from llmcli.training.objectives.joint import JointModel
from llmcli.training.objectives.sampler import Grouped
from llmcli.training.results import Progress

SCHEDULERS = {
    "cosine": "cosine",
    "linear": "linear",
    "constant": "constant_with_warmup",
}


class Run(Trainer):
    """transformers' Trainer with our order of examples, losses, scores and checkpoints."""

    loss_is_scaled_for_ga = True
    model: Any
    train_dataset: Any
    eval_dataset: Any
    args: Any
    objective: Objective
    options: Training
    best_metric: str

    def __init__(
        self,
        objective: Objective,
        model: Any,
        train: Dataset,
        held_out: Dataset | None,
        options: Training,
        arguments: TrainingArguments,
        best_metric: str,
    ) -> None:
        self.objective, self.spec, self.best_metric = objective, options, best_metric
        self.seen_tokens = 0
        super().__init__(
            model=model,
            args=arguments,
            train_dataset=train,
            eval_dataset=held_out,
            data_collator=objective.collate,
        )
        self.model_accepts_loss_kwargs = True  # so that the items of all batches are counted
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, train_dataset: Any = None) -> Grouped:
        batch = self.args.train_batch_size * self.args.world_size
        return Grouped(
            self.train_dataset.lengths(), batch, self.args.seed, self.spec.group_by_length
        )

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> torch.Tensor:
        """The items of a step: over all batches that are accumulated, and all processes."""
        counts = [self.objective.weight(batch) for batch in batch_samples]
        total = torch.stack(counts).sum().to(device) if counts else torch.ones((), device=device)
        if self.args.world_size > 1:
            total = self.accelerator.gather(total).sum()
        return total.clamp(min=1)

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The summed loss over the items of the whole step, so that their mean is learnt from.

        Gradients of several processes are averaged: their number makes that a sum again.
        """
        self.seen_tokens += self.objective.tokens(inputs)
        total, outputs = self.objective.loss(model, inputs)
        loss = total / num_items_in_batch * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Score the validation data; each process does all of it."""
        with self.compute_loss_context_manager():
            found = self.objective.evaluate(
                self.model, self.eval_dataset, self.args.per_device_eval_batch_size
            )
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in found.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def whole_model(self, model_class: type[Any]) -> Any:
        """The model as one process holds it. All processes call this together.

        model_class: what it was before it was divided.
        """
        if not self.is_fsdp_enabled:
            return self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        state = self.accelerator.get_state_dict(self.model)
        if not self.is_world_process_zero():
            return None
        model = model_class(self.model.config)
        model.load_state_dict(state)
        return model

    def load_weights(self, checkpoint: Path) -> None:
        """Take the weights of a checkpoint of this run."""
        self._load_from_checkpoint(str(checkpoint))

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Weights that several heads share are written once."""
        if isinstance(self.model, JointModel):
            folder = Path(output_dir or self.args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            save_model(self.model, str(folder / "model.safetensors"))
        else:
            super()._save(output_dir, state_dict)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint aside, hash it, and move it into place whole."""
        if not all(_local(one).isfinite().all() for one in self.model.parameters()):
            raise InputError(
                f"the weights are no numbers any more at step {self.state.global_step}: lower "
                "--learning-rate or use --dtype float32; what was saved before is untouched"
            )
        root = Path(self.args.output_dir)
        aside = root / "unfinished"
        name = f"checkpoint-{self.state.global_step}"
        if self.is_world_process_zero():
            shutil.rmtree(aside, ignore_errors=True)
            aside.mkdir(parents=True)
        self.accelerator.wait_for_everyone()
        self.args.output_dir = str(aside)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.output_dir = str(root)
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            move_into_place(aside / name, root / name)
            shutil.rmtree(aside, ignore_errors=True)
            best = best_step(self.state.log_history, self.best_metric)
            keep_newest(root, self.spec.save_total_limit, best)
        self.accelerator.wait_for_everyone()


def build_run(
    objective: Objective,
    model: Any,
    train: Dataset,
    held_out: Dataset | None,
    options: Training,
    *,
    bf16: bool,
    on_cpu: bool,
) -> Run:
    """Make a silent trainer. What is None in `options` for a task's usual value is filled in."""
    assert options.batch_size is not None and options.epochs is not None
    steps = total_steps(options, len(train), world_size())
    arguments = TrainingArguments(
        output_dir=str(checkpoint_root(options)),
        per_device_train_batch_size=1 if options.parts else options.batch_size,
        per_device_eval_batch_size=options.batch_size,
        gradient_accumulation_steps=options.gradient_accumulation_steps,
        num_train_epochs=options.epochs,
        max_steps=steps,
        optim="adamw_torch_fused",
        learning_rate=options.learning_rate or 0.0,
        lr_scheduler_type=SCHEDULERS[options.schedule],
        warmup_steps=int(options.warmup * steps),
        weight_decay=options.weight_decay,
        adam_beta2=options.beta2,
        max_grad_norm=options.max_grad_norm,
        bf16=bf16,
        use_cpu=on_cpu,
        fsdp="full_shard" if options.fsdp else None,
        ddp_backend="gloo" if on_cpu and world_size() > 1 else None,
        eval_strategy="steps" if held_out is not None else "no",
        eval_steps=options.eval_steps or max(1, math.ceil(steps / 10)),
        save_steps=options.save_steps,
        save_total_limit=None,  # what is kept is decided in _save_checkpoint
        logging_steps=options.log_steps,
        logging_first_step=True,
        logging_nan_inf_filter=False,  # a loss of NaN is to be seen, and to stop the run
        seed=options.seed,
        dataloader_pin_memory=not on_cpu,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
    )
    metric = options.best_metric or objective.metric
    known = objective.metric_names()
    if metric not in known:
        raise UsageError(f"--best-metric {metric}: this task has {', '.join(known)}")
    if held_out is None and (options.best_metric or options.early_stopping):
        raise UsageError("--best-metric and --early-stopping need validation data: give --eval")
    return Run(objective, model, train, held_out, options, arguments, metric)


def total_steps(options: Training, examples: int, processes: int = 1) -> int:
    """How many optimizer steps a run of so many examples makes."""
    assert options.batch_size is not None and options.epochs is not None
    size = 1 if options.parts else options.batch_size
    batches = math.ceil(examples / (size * processes))
    per_epoch = max(1, math.ceil(batches / options.gradient_accumulation_steps))
    return options.max_steps or max(1, math.ceil(per_epoch * options.epochs))


def _local(weight: Any) -> torch.Tensor:
    """The part of a weight that this process holds."""
    part: torch.Tensor = weight.to_local() if hasattr(weight, "to_local") else weight
    return part


class Watch(TrainerCallback):
    """Reports progress, asks for checkpoints, stops on NaN, when asked to, or when stuck."""

    def __init__(
        self,
        run: Run,
        report: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.run = run
        self.report = report
        self.should_stop = should_stop
        self._mark = (0, 0, 0.0)  # step, tokens and time since which speed is measured

    def _set_mark(self, state: Any) -> None:
        self._mark = (state.global_step, self.run.seen_tokens, time.perf_counter())

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._set_mark(state)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        stop = torch.tensor(int(self.should_stop()), device=self.run.accelerator.device)
        if args.world_size > 1:  # a process that stopped alone would leave the others waiting
            stop = self.run.accelerator.reduce(stop, "sum")
        if stop:
            control.should_training_stop = True
            control.should_save = True

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        metric, patience = self.run.best_metric, self.run.spec.early_stopping
        if best_step(state.log_history, metric) == state.global_step:
            control.should_save = True
        if patience and is_stuck(state.log_history, metric, patience):
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        logs: dict[str, float] = more["logs"]
        if "loss" in logs:
            self.report(self._training_progress(state, logs))
        elif "eval_loss" in logs:
            own = {
                key.removeprefix("eval_"): value
                for key, value in logs.items()
                if key.startswith("eval_") and key != "eval_loss"
            }
            loss = logs["eval_loss"]
            self.report(Progress(state.global_step, state.max_steps, eval_loss=loss, metrics=own))
        self._set_mark(state)  # so that evaluation does not count

    def _training_progress(self, state: Any, logs: dict[str, float]) -> Progress:
        if not math.isfinite(logs["loss"]):
            raise InputError(
                f"the loss is {logs['loss']} at step {state.global_step}: lower --learning-rate or "
                "use --dtype float32; what was saved before is untouched"
            )
        step, tokens, then = self._mark
        seconds = max(time.perf_counter() - then, 1e-9)
        steps = max(1, state.global_step - step)
        return Progress(
            state.global_step,
            state.max_steps,
            loss=logs["loss"],
            learning_rate=logs["learning_rate"],
            tokens_per_second=(self.run.seen_tokens - tokens)
            * self.run.accelerator.num_processes
            / seconds,
            seconds_left=seconds / steps * (state.max_steps - state.global_step),
        )


def is_stuck(history: list[dict[str, Any]], metric: str, patience: int) -> bool:
    """True where the last `patience` validations brought nothing better than one before."""
    values = [one[f"eval_{metric}"] for one in history if f"eval_{metric}" in one]
    if lower_is_better(metric):
        values = [-value for value in values]
    if len(values) <= patience:
        return False
    return bool(max(values[-patience:]) <= max(values[:-patience]))
