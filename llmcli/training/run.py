"""A training run from its first step to the finished model, resumed where it was interrupted."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llmcli.engines.pytorch import saving
from llmcli.engines.pytorch.device import choose_device, training_dtype
from llmcli.errors import InputError, Interrupted, UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.system import calibration, own_files
from llmcli.system.extras import is_installed, missing
from llmcli.system.processes import is_first
from llmcli.training.base import TrainingTask
from llmcli.training.curves import read_curves
from llmcli.training.estimate import STEPS, estimate_of, pace_of
from llmcli.training.joint.objective import JointTask
from llmcli.training.joint.preparation import prepare_joint
from llmcli.training.monitor import Monitor, is_stuck
from llmcli.training.objectives import load_task
from llmcli.training.output_folder import (
    CURVE,
    METRICS,
    arithmetic_of,
    check_output,
    claimed,
    disk_errors_explained,
    kept_tokenizer,
    save_finished,
)
from llmcli.training.preparation import Prepared, prepare
from llmcli.training.results import (
    Estimate,
    Finetuned,
    Note,
    Notify,
    OnEvent,
    Progress,
    perplexity,
)
from llmcli.training.resume import best_step, checkpoint_root, last_whole, read_state, step_of
from llmcli.training.trainer import ObjectiveTrainer, make_trainer, total_steps


def train(
    options: Training,
    base: ModelSpec | None,
    on_event: OnEvent,
    should_stop: Callable[[], bool],
) -> Finetuned:
    """Train, and write the model's folder. Raises as tasks/finetune.py says."""
    calibration.allow_measuring()
    note = _notes_to(on_event)
    if options.max_steps and options.epochs:
        note("`max_steps` is given: `epochs` has no effect")
    task = load_task(options)
    options = task.options
    check_output(options, base)
    _require_files(options)
    note(f"learning rate: {options.learning_rate}")
    if not is_installed("matplotlib"):
        note("no loss curve: " + missing("matplotlib", CURVE))
    prepared, joint_tasks = _prepared(task, base, note)
    model = prepared.model
    model_class, use_cache = type(model), getattr(model.config, "use_cache", None)
    result = _result_so_far(options, prepared)
    trainer = _trainer(options, prepared, note)
    trainer.add_callback(Monitor(trainer, _recorded(options, on_event), should_stop))
    arithmetic = "bfloat16" if trainer.args.bf16 else "float32"
    claim = claimed(options, base, prepared.tokenizer, arithmetic)
    with disk_errors_explained(options.output), claim:
        steps, best = _train(options, trainer, note)
        result = replace(result, steps=steps, best_step=best)
        model = trainer.whole_model(model_class)
        if is_first():
            result = _with_metrics(result, options, replace(prepared, model=model))
            if use_cache is not None:  # the trainer switched it off
                model.config.use_cache = use_cache
            save_finished(task, base, result, replace(prepared, model=model), joint_tasks)
    return result


def estimate(options: Training, base: ModelSpec | None, on_event: OnEvent) -> Estimate:
    """Take a few steps in a temporary folder, and estimate what the whole run takes."""
    calibration.allow_measuring()
    note = _notes_to(on_event)
    task = load_task(replace(options, resume=False))
    options = task.options
    _require_files(options)
    prepared, joint_tasks = _prepared(task, base, note)
    steps = min(STEPS, total_steps(options, len(prepared.train)))
    with TemporaryDirectory() as folder:  # the trainer insists on one
        few = replace(options, output=folder, max_steps=steps, eval_steps=steps + 1)
        pace = pace_of(_trainer(few, prepared, note))
    name = base.model_id if base else options.from_scratch or ""
    return estimate_of(options, name, prepared, joint_tasks, pace)


def _notes_to(on_event: OnEvent) -> Notify:
    return lambda text: on_event(Note(text))


def _require_files(options: Training) -> None:
    for path in (*options.train, *options.eval, *((options.parts,) if options.parts else ())):
        if not Path(path).is_file():
            raise InputError(f"cannot read {path}: no such file")


def _prepared(
    task: TrainingTask, base: ModelSpec | None, note: Notify
) -> tuple[Prepared, list[JointTask]]:
    """What a run begins with; of a joint run, its tasks too."""
    options = task.options
    if options.parts and base:
        return prepare_joint(options, options.parts, base, note)
    return prepare(task, base, kept_tokenizer(options), note), []


def _trainer(options: Training, prepared: Prepared, note: Notify) -> ObjectiveTrainer:
    """The trainer, on the device and with the arithmetic that was asked for."""
    device, why = choose_device(options.device)
    if device.index is not None:
        raise UsageError(f"`device` {device}: name it cuda, and the GPU in CUDA_VISIBLE_DEVICES")
    if options.fsdp and device.type == "cpu":
        raise UsageError("`fsdp` divides weights among GPUs: leave it out on a CPU")
    began = arithmetic_of(options) if options.dtype == "auto" else None
    dtype, reason = training_dtype(device, began or options.dtype)
    reason = "as the run began" if began else reason
    note(f"device: {device} ({why}); arithmetic: {str(dtype)[6:]} ({reason})")
    is_bf16 = str(dtype) == "torch.bfloat16"
    return make_trainer(prepared, options, bf16=is_bf16, on_cpu=device.type == "cpu")


def _train(options: Training, trainer: ObjectiveTrainer, note: Notify) -> tuple[int, int | None]:
    """Make the steps that are left, and take the best weights.

    Returns the number of all steps, and the step whose weights are taken. Raises Interrupted.
    """
    start = last_whole(checkpoint_root(options)) if options.resume else None
    state = read_state(start) if start else {}
    if start and _is_done(state, trainer):
        note("all steps are made: writing the model of the last checkpoint")
        trainer.load_weights(start)
    else:
        if start:
            note(f"resuming after step {step_of(start)}")
        elif options.resume:
            note(f"no checkpoint in {checkpoint_root(options)}: beginning with the first step")
        trainer.train(resume_from_checkpoint=str(start) if start else None)
        state = asdict(trainer.state)
        if not _is_done(state, trainer):
            raise Interrupted(
                f"stopped and saved at step {state['global_step']} of {state['max_steps']}: "
                "to continue, give the same command with `resume`"
            )
    done = int(state["global_step"])
    best = best_step(state["log_history"], trainer.best_metric)
    if best is not None and best != done:
        folder = checkpoint_root(options) / f"checkpoint-{best}"
        if folder.is_dir():
            note(f"taking the weights after step {best}, the best in validation")
            trainer.load_weights(folder)
    return done, best


def _is_done(state: dict[str, Any], trainer: ObjectiveTrainer) -> bool:
    """True where all steps are made, or no more are worth it."""
    patience = trainer.options.early_stopping
    is_last = state["global_step"] >= state["max_steps"]
    return is_last or is_stuck(state["log_history"], trainer.best_metric, patience)


def _recorded(options: Training, on_event: OnEvent) -> Callable[[Progress], None]:
    """Append each progress report to metrics.jsonl, and pass it on; in the first process alone."""
    path = Path(options.output) / METRICS

    def record(progress: Progress) -> None:
        if not is_first():
            return
        values = asdict(replace(progress, perplexity=None))
        known = {key: value for key, value in values.items() if value not in (None, {})}
        with own_files.open_own(path) as file:
            file.write(json.dumps(known).encode() + b"\n")
        on_event(progress)

    return record


def _result_so_far(options: Training, prepared: Prepared) -> Finetuned:
    """What is known of a result before the first step."""
    return Finetuned(
        output=options.output,
        parameters=prepared.model.num_parameters(),
        block_size=prepared.objective.limit,
        train_tokens=prepared.train_tokens,
        eval_tokens=prepared.eval_tokens,
        steps=0,
        best_step=None,
        metrics={},
    )


def _with_metrics(result: Finetuned, options: Training, prepared: Prepared) -> Finetuned:
    """Round the weights as they are stored, and score the validation data with them."""
    curves = read_curves(Path(options.output) / METRICS)
    saving.round_weights(prepared.model, options.save_dtype)
    if prepared.held_out is None:
        return replace(result, curves=curves)
    objective, size = prepared.objective, options.batch_size or 1
    metrics = objective.evaluate(prepared.model, prepared.held_out, size)
    nats = metrics["loss"]
    per_token = perplexity(nats) if objective.loss_is_per_token else None
    return replace(result, curves=curves, metrics=metrics, perplexity=per_token)
