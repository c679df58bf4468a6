"""Train a causal language model on text, from scratch or from a checkpoint."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llmcli.engines.pytorch import saving
from llmcli.engines.pytorch.device import choose_device, training_dtype
from llmcli.errors import InputError, Interrupted, UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.system.hashes import write_sums
from llmcli.system.locks import locked
from llmcli.training.checkpoints import best_step, last_whole, read_state, step_of
from llmcli.training.checkup.examine import examine_all
from llmcli.training.checkup.findings import Checkup
from llmcli.training.curves import read_curves, save_png
from llmcli.training.distributed import is_first
from llmcli.training.estimate import STEPS, Estimate, estimate_of, pace_of
from llmcli.training.joint import prepare_joint, save_joint
from llmcli.training.lora import merged
from llmcli.training.model_card import training_card
from llmcli.training.objectives.joint import Part
from llmcli.training.preparation import Prepared, filled_in, prepare
from llmcli.training.trainer import (
    Progress,
    Run,
    Watch,
    build_run,
    checkpoint_root,
    disk_errors_explained,
    is_stuck,
    perplexity,
    total_steps,
    write_json,
)

SETTINGS = "training.json"
METRICS = "metrics.jsonl"
CURVE = "loss.png"
DECIDE_NOTHING = ("output", "resume", "device", "log_steps", "save_steps", "save_total_limit")


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run."""

    output: str
    parameters: int
    block_size: int
    train_tokens: int
    eval_tokens: int
    steps: int
    best_step: int | None
    """After which step the weights are taken; None: the last one, nothing was validated."""
    metrics: dict[str, float] = field(default_factory=dict)
    """On the validation data, computed in float32 with the weights as stored."""

    @property
    def perplexity(self) -> float | None:
        """exp of the loss; None without validation."""
        return perplexity(self.metrics["loss"]) if "loss" in self.metrics else None


def finetune(
    options: Training,
    base: ModelSpec | None,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    note: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train, and write a Hugging Face folder to `options.output`.

    base: the checkpoint to start from; None where `options.from_scratch` names a configuration.
    report: called with each progress record. note: called with each choice made.
    should_stop: asked after each step; True saves a checkpoint and raises Interrupted.
    Raises InputError for data or settings that cannot be used, UsageError for an output
    folder in use, and what loading raises.
    """
    options = filled_in(options, base)
    _check_output(options, base)
    _check_files(options)
    note(f"learning rate: {options.learning_rate}")
    prepared, parts = _prepared(options, base, note)
    model = prepared.model
    model_class = type(model)
    use_cache = getattr(model.config, "use_cache", None)  # the trainer switches it off
    run = _run(options, prepared, note)
    run.add_callback(Watch(run, _recorded(options, report), should_stop))
    with disk_errors_explained(options.output), _claimed(options, base, prepared.tokenizer):
        steps, best = _train(options, run, note)
        model = run.whole_model(model_class)
        if not is_first():
            return Trained(options.output, 0, 0, 0, 0, steps, best)
        trained = Trained(
            output=options.output,
            parameters=model.num_parameters(),
            block_size=prepared.objective.limit,
            train_tokens=prepared.train_tokens,
            eval_tokens=prepared.eval_tokens,
            steps=steps,
            best_step=best,
            metrics=_final_metrics(options, run, prepared, model),
        )
        if use_cache is not None:
            model.config.use_cache = use_cache
        _save(options, base, trained, replace(prepared, model=model), parts)
    return trained


def check(
    options: Training, base: ModelSpec | None, *, note: Callable[[str], None] = lambda line: None
) -> list[Checkup]:
    """Examine the data of a run without training: of a joint run, each part in turn.

    Writes nothing. Raises what loading the model raises, and UsageError for settings that
    cannot be; what is wrong with the data is told, not raised.
    """
    return examine_all(filled_in(options, base), base, note)


def estimate(
    options: Training, base: ModelSpec | None, *, note: Callable[[str], None] = lambda line: None
) -> Estimate:
    """Take a few real steps in memory, and tell what the whole run will take.

    Writes nothing that stays. Raises what `finetune` raises before its first step.
    """
    options = replace(filled_in(options, base), resume=False)
    _check_files(options)
    prepared, parts = _prepared(options, base, note)
    steps = min(STEPS, total_steps(options, len(prepared.train)))
    with TemporaryDirectory() as folder:  # the trainer insists on one
        few = replace(options, output=folder, max_steps=steps, eval_steps=steps + 1)
        pace = pace_of(_run(few, prepared, note))
    name = base.model_id if base else options.from_scratch or ""
    return estimate_of(options, name, prepared, parts, pace)


def _prepared(
    options: Training, base: ModelSpec | None, note: Callable[[str], None]
) -> tuple[Prepared, list[Part]]:
    """What a run begins with; of a joint run, its parts too."""
    if options.parts and base:
        return prepare_joint(options, base, note)
    return prepare(options, base, _kept_tokenizer(options), note), []


def _run(options: Training, prepared: Prepared, note: Callable[[str], None]) -> Run:
    where, why = choose_device(options.device)
    if where.index is not None:
        raise UsageError(f"--device {where}: name it cuda, and the GPU in CUDA_VISIBLE_DEVICES")
    if options.fsdp and where.type == "cpu":
        raise UsageError("--fsdp divides weights among GPUs: leave it out on a CPU")
    dtype, reason = training_dtype(where, options.dtype)
    note(f"device: {where} ({why}); arithmetic: {str(dtype)[6:]} ({reason})")
    return build_run(
        prepared.objective,
        prepared.model,
        prepared.train,
        prepared.held_out,
        options,
        bf16=str(dtype) == "torch.bfloat16",
        on_cpu=where.type == "cpu",
    )


def _train(options: Training, run: Run, note: Callable[[str], None]) -> tuple[int, int | None]:
    """Make the steps that are left, and take the best weights.

    Returns the number of all steps, and after which the weights are taken. Raises Interrupted.
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
                "go on with the same command and --resume"
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


def _check_output(options: Training, base: ModelSpec | None) -> None:
    """Make sure that the folder is free, or that a resumed run has the settings it began with."""
    folder = Path(options.output)
    settings = folder / SETTINGS
    if options.resume and settings.exists():
        asked = _settings(options, base)
        try:
            began = json.loads(settings.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {settings}: {error}") from None
        changed = [key for key in asked if asked[key] != began.get(key)]
        if changed:
            was = ", ".join(f"{key}={began.get(key)!r}" for key in changed)
            raise UsageError(
                f"--resume: this run began with {was}: give the same, or a new --output"
            )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        hint = "give --resume to go on, or a new folder" if settings.exists() else "give a new one"
        raise UsageError(f"--output {folder} is not empty: {hint}")


def _check_files(options: Training) -> None:
    for path in (*options.train, *options.eval, *((options.parts,) if options.parts else ())):
        if not Path(path).is_file():
            raise InputError(f"cannot read {path}: no such file")


@contextmanager
def _claimed(options: Training, base: ModelSpec | None, tokenizer: Any) -> Iterator[None]:
    """Make the folder, with the settings and, for a resumed run to find it, the tokenizer.

    No other run can work in it at the same time. Raises UsageError where one does.
    """
    if not is_first():
        yield
        return
    root = checkpoint_root(options)
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / "lock", f"--output {options.output}: another run is at work there"):
        tokenizer.save_pretrained(_kept_tokenizer(options))
        write_json(Path(options.output) / SETTINGS, _settings(options, base))
        yield


def _kept_tokenizer(options: Training) -> Path:
    return checkpoint_root(options) / "tokenizer"


def _settings(options: Training, base: ModelSpec | None) -> dict[str, Any]:
    """All that decides the result, as JSON gives it back; the files by their sizes too."""
    values = {key: value for key, value in asdict(options).items() if key not in DECIDE_NOTHING}
    values["base"] = [base.model_id, base.revision] if base else None
    files = [
        *options.train,
        *options.eval,
        *([options.from_scratch] if options.from_scratch else []),
    ]
    values["bytes"] = {path: Path(path).stat().st_size for path in files if Path(path).is_file()}
    result: dict[str, Any] = json.loads(json.dumps(values))
    return result


def _recorded(options: Training, report: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Also append each progress record to metrics.jsonl."""
    path = Path(options.output) / METRICS

    def record(progress: Progress) -> None:
        if not is_first():
            return
        known = {key: value for key, value in asdict(progress).items() if value not in (None, {})}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(known) + "\n")
        report(progress)

    return record


def _final_metrics(options: Training, run: Run, prepared: Prepared, model: Any) -> dict[str, float]:
    saving.round_weights(model, options.save_dtype)
    if prepared.held_out is None:
        return {}
    size = run.args.per_device_eval_batch_size
    return prepared.objective.evaluate(model, prepared.held_out, size)


def _save(
    options: Training,
    base: ModelSpec | None,
    trained: Trained,
    prepared: Prepared,
    parts: list[Part],
) -> None:
    """Write the model aside, then move its files into place, the weights last."""
    folder = Path(options.output)
    aside = folder / "finished.part"
    shutil.rmtree(aside, ignore_errors=True)
    if parts and base:
        save_joint(parts, prepared.tokenizer, base, aside, options.save_dtype)
    else:
        model = merged(prepared.model) if options.adapters.merge else prepared.model
        saving.save(model, prepared.tokenizer, aside, options.save_dtype)
    save_png(read_curves(folder / METRICS), aside / CURVE, folder.name)
    card = training_card(options, base, asdict(trained))
    (aside / "README.md").write_text(card, encoding="utf-8")
    write_sums(aside)
    for path in sorted(aside.iterdir(), key=lambda path: path.suffix == ".safetensors"):
        if path.is_dir():
            shutil.rmtree(folder / path.name, ignore_errors=True)
        path.replace(folder / path.name)
    aside.rmdir()
