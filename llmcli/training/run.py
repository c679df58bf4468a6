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
from llmcli.system.extras import is_installed, missing
from llmcli.training.checkpoints import best_step, checkpoint_root, last_whole, read_state, step_of
from llmcli.training.curves import read_curves
from llmcli.training.distributed import is_first
from llmcli.training.estimate import STEPS, Estimate, estimate_of, pace_of
from llmcli.training.joint import prepare_joint
from llmcli.training.objectives.joint import Part
from llmcli.training.output_folder import (
    CURVE,
    METRICS,
    check_output,
    claimed,
    disk_errors_explained,
    kept_tokenizer,
    save_finished,
)
from llmcli.training.preparation import Prepared, filled_in, prepare
from llmcli.training.results import Finetuned, Note, Notify, OnEvent, Progress
from llmcli.training.trainer import Run, Watch, build_run, is_stuck, total_steps


def train(
    options: Training,
    base: ModelSpec | None,
    on_event: OnEvent,
    should_stop: Callable[[], bool],
) -> Finetuned:
    """Train, and write the model's folder. Raises as tasks/finetune.py says."""
    note = _notes_to(on_event)
    options = filled_in(options, base)
    check_output(options, base)
    _require_files(options)
    note(f"learning rate: {options.learning_rate}")
    if not is_installed("matplotlib"):
        note("no loss curve: " + missing("matplotlib", CURVE))
    prepared, parts = _prepared(options, base, note)
    model = prepared.model
    model_class, parameters = type(model), model.num_parameters()
    use_cache = getattr(model.config, "use_cache", None)  # the trainer switches it off
    run = _run(options, prepared, note)
    run.add_callback(Watch(run, _recorded(options, on_event), should_stop))
    with disk_errors_explained(options.output), claimed(options, base, prepared.tokenizer):
        steps, best = _train(options, run, note)
        model = run.whole_model(model_class)
        result = Finetuned(
            output=options.output,
            parameters=parameters,
            block_size=prepared.objective.limit,
            train_tokens=prepared.train_tokens,
            eval_tokens=prepared.eval_tokens,
            steps=steps,
            best_step=best,
            metrics={},
        )
        if not is_first():
            return result
        metrics = _final_metrics(options, run, prepared, model)
        result = replace(
            result, metrics=metrics, curves=read_curves(Path(options.output) / METRICS)
        )
        if use_cache is not None:
            model.config.use_cache = use_cache
        save_finished(options, base, result, replace(prepared, model=model), parts)
    return result


def estimate(options: Training, base: ModelSpec | None, on_event: OnEvent) -> Estimate:
    """Take a few steps in a temporary folder, and tell what the whole run takes."""
    note = _notes_to(on_event)
    options = replace(filled_in(options, base), resume=False)
    _require_files(options)
    prepared, parts = _prepared(options, base, note)
    steps = min(STEPS, total_steps(options, len(prepared.train)))
    with TemporaryDirectory() as folder:  # the trainer insists on one
        few = replace(options, output=folder, max_steps=steps, eval_steps=steps + 1)
        pace = pace_of(_run(few, prepared, note))
    name = base.model_id if base else options.from_scratch or ""
    return estimate_of(options, name, prepared, parts, pace)


def _notes_to(on_event: OnEvent) -> Notify:
    return lambda text: on_event(Note(text))


def _require_files(options: Training) -> None:
    for path in (*options.train, *options.eval, *((options.parts,) if options.parts else ())):
        if not Path(path).is_file():
            raise InputError(f"cannot read {path}: no such file")


def _prepared(
    options: Training, base: ModelSpec | None, note: Notify
) -> tuple[Prepared, list[Part]]:
    """What a run begins with; of a joint run, its tasks too."""
    if options.parts and base:
        return prepare_joint(options, base, note)
    return prepare(options, base, kept_tokenizer(options), note), []


def _run(options: Training, prepared: Prepared, note: Notify) -> Run:
    """The trainer, on the device and with the arithmetic that was asked for."""
    device, why = choose_device(options.device)
    if device.index is not None:
        raise UsageError(f"`device` {device}: name it cuda, and the GPU in CUDA_VISIBLE_DEVICES")
    if options.fsdp and device.type == "cpu":
        raise UsageError("`fsdp` divides weights among GPUs: leave it out on a CPU")
    dtype, reason = training_dtype(device, options.dtype)
    note(f"device: {device} ({why}); arithmetic: {str(dtype)[6:]} ({reason})")
    return build_run(
        prepared.objective,
        prepared.model,
        prepared.train,
        prepared.held_out,
        options,
        bf16=str(dtype) == "torch.bfloat16",
        on_cpu=device.type == "cpu",
    )


def _train(options: Training, run: Run, note: Notify) -> tuple[int, int | None]:
    """Make the steps that are left, and take the best weights.

    Returns the number of all steps, and the step whose weights are taken. Raises Interrupted.
    """
    start = last_whole(checkpoint_root(options)) if options.resume else None
    history: list[dict[str, Any]] = []
    if start is not None:
        state = read_state(start)
        history, done, steps = state["log_history"], state["global_step"], state["max_steps"]
    if start is None or not (done >= steps or _has_stuck(options, run, history)):
        if start is not None:
            note(f"resuming after step {step_of(start)}")
        elif options.resume:
            note(f"no checkpoint in {checkpoint_root(options)}: beginning with the first step")
        run.train(resume_from_checkpoint=str(start) if start else None)
        history, done, steps = run.state.log_history, run.state.global_step, run.state.max_steps
        if done < steps and not _has_stuck(options, run, history):
            raise Interrupted(
                f"stopped and saved at step {done} of {steps}: "
                "to continue, repeat the command with `resume`"
            )
    else:
        note("all steps are made: writing the model of the last checkpoint")
        run.load_weights(start)
    best = best_step(history, run.best_metric)
    if best is not None and best != done:
        folder = checkpoint_root(options) / f"checkpoint-{best}"
        if folder.is_dir():
            note(f"taking the weights after step {best}, the best in validation")
            run.load_weights(folder)
    return done, best


def _has_stuck(options: Training, run: Run, history: list[dict[str, Any]]) -> bool:
    patience = options.early_stopping
    return bool(patience) and is_stuck(history, run.best_metric, patience or 0)


def _recorded(options: Training, on_event: OnEvent) -> Callable[[Progress], None]:
    """Append each progress report to metrics.jsonl, and pass it on; in the first process alone."""
    path = Path(options.output) / METRICS

    def record(progress: Progress) -> None:
        if not is_first():
            return
        known = {key: value for key, value in asdict(progress).items() if value not in (None, {})}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(known) + "\n")
        on_event(progress)

    return record


def _final_metrics(options: Training, run: Run, prepared: Prepared, model: Any) -> dict[str, float]:
    """Round the weights as they are stored, and score the validation data with them."""
    saving.round_weights(model, options.save_dtype)
    if prepared.held_out is None:
        return {}
    size = run.args.per_device_eval_batch_size
    return prepared.objective.evaluate(model, prepared.held_out, size)
