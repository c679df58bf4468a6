"""Train a causal language model on text, from scratch or from a checkpoint."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_model

from llmcli.core import loading
from llmcli.core.checkpoint import context_length
from llmcli.core.corpus import Blocks, document_texts, encode_files, train_tokenizer
from llmcli.core.device import choose_device, training_dtype
from llmcli.core.hashes import write_sums
from llmcli.core.modelcard import training_card
from llmcli.core.training import (
    Progress,
    Watch,
    build_trainer,
    checkpoint_root,
    disk_errors_explained,
    is_finished,
    last_checkpoint,
    mean_nats,
    perplexity,
    step_of,
    write_json,
)
from llmcli.errors import InputError, Interrupted, ModelUnsuitable, UsageError
from llmcli.spec import ModelSpec, TrainingSpec

SETTINGS = "training.json"
METRICS = "metrics.jsonl"
MAX_BLOCK = 1024
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
    perplexity: float | None
    """On the validation text, computed in float32 with the weights as stored; None without."""


def finetune(
    spec: TrainingSpec,
    base: ModelSpec | None,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    note: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train, and write a Hugging Face folder to `spec.output`.

    base: the checkpoint to start from; None where `spec.from_scratch` names a configuration.
    report: called with each progress record. note: called with each choice made.
    should_stop: asked after each step; True saves a checkpoint and raises Interrupted.
    Raises InputError for data or settings that cannot be used, UsageError for an output
    folder in use, and what loading raises.
    """
    usual = 5e-5 if base else 1e-3
    spec = replace(spec, learning_rate=spec.learning_rate or usual)
    _check_output(spec, base)
    _check_files(spec)
    note(f"learning rate: {spec.learning_rate}")
    model, tokenizer = _model_and_tokenizer(spec, base, note)
    train, held_out = _blocks(spec, model, tokenizer, note)
    use_cache = model.config.use_cache  # Trainer switches it off, and it is saved with the model
    trainer = _trainer(spec, model, train, held_out, note)
    tokens_per_step = spec.batch_size * spec.gradient_accumulation_steps * train.block_size
    trainer.add_callback(Watch(tokens_per_step, _recorded(spec, report), should_stop))
    with disk_errors_explained(spec.output):
        _claim_output(spec, base, tokenizer)
        steps = _train(spec, trainer, note)
        trained = Trained(
            output=spec.output,
            parameters=model.num_parameters(),
            block_size=train.block_size,
            train_tokens=len(train) * train.block_size,
            eval_tokens=len(held_out) * held_out.block_size,
            steps=steps,
            perplexity=_final_perplexity(spec, trainer, held_out),
        )
        model.config.use_cache = use_cache
        _save(spec, base, trained, model, tokenizer)
    return trained


def _trainer(
    spec: TrainingSpec, model: Any, train: Blocks, held_out: Blocks, note: Callable[[str], None]
) -> Any:
    where, why = choose_device(spec.device)
    if where.index is not None:
        raise UsageError(f"--device {where}: name it cuda, and the GPU in CUDA_VISIBLE_DEVICES")
    dtype, reason = training_dtype(where, spec.dtype)
    note(f"device: {where} ({why}); arithmetic: {str(dtype)[6:]} ({reason})")
    bf16 = str(dtype) == "torch.bfloat16"
    return build_trainer(model, train, held_out, spec, bf16=bf16, on_cpu=where.type == "cpu")


def _train(spec: TrainingSpec, trainer: Any, note: Callable[[str], None]) -> int:
    """Make the steps that are left; return the number of all. Raises Interrupted."""
    start = last_checkpoint(spec) if spec.resume else None
    if start is None:
        if spec.resume:
            note(f"no checkpoint in {checkpoint_root(spec)}: beginning with the first step")
        trainer.train()
    elif is_finished(start):
        note("all steps are made: writing the model of the last checkpoint")
        load_model(trainer.model, start / "model.safetensors")
        return step_of(start)
    else:
        note(f"resuming after step {step_of(start)}")
        trainer.train(resume_from_checkpoint=str(start))
    done: int = trainer.state.global_step
    if done < trainer.state.max_steps:
        raise Interrupted(
            f"stopped and saved at step {done} of {trainer.state.max_steps}: "
            "go on with the same command and --resume"
        )
    return done


def _check_output(spec: TrainingSpec, base: ModelSpec | None) -> None:
    """Make sure that the folder is free, or that a resumed run has the settings it began with."""
    folder = Path(spec.output)
    settings = folder / SETTINGS
    if spec.resume and settings.exists():
        asked = _settings(spec, base)
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


def _check_files(spec: TrainingSpec) -> None:
    for path in (*spec.train, *spec.eval):
        if not Path(path).is_file():
            raise InputError(f"cannot read {path}: no such file")


def _claim_output(spec: TrainingSpec, base: ModelSpec | None, tokenizer: Any) -> None:
    """Make the folder, with the settings and, for a resumed run to find it, the tokenizer."""
    folder = Path(spec.output)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(_kept_tokenizer(spec))
    write_json(folder / SETTINGS, _settings(spec, base))


def _kept_tokenizer(spec: TrainingSpec) -> Path:
    return checkpoint_root(spec) / "tokenizer"


def _settings(spec: TrainingSpec, base: ModelSpec | None) -> dict[str, Any]:
    """All that decides the result, as JSON gives it back; the files by their sizes too."""
    values = {key: value for key, value in asdict(spec).items() if key not in DECIDE_NOTHING}
    values["base"] = [base.model_id, base.revision] if base else None
    files = [*spec.train, *spec.eval, *([spec.from_scratch] if spec.from_scratch else [])]
    values["bytes"] = {path: Path(path).stat().st_size for path in files if Path(path).is_file()}
    result: dict[str, Any] = json.loads(json.dumps(values))
    return result


def _model_and_tokenizer(
    spec: TrainingSpec, base: ModelSpec | None, note: Callable[[str], None]
) -> tuple[Any, Any]:
    if base is not None:
        loaded = loading.load_causal(replace(base, device="cpu", dtype="float32"))
        if loaded.tokenizer.eos_token_id is None:
            raise ModelUnsuitable(
                f"the tokenizer of {base.model_id} has no token to end a document with"
            )
        return loaded.model, loaded.tokenizer
    assert spec.from_scratch is not None, "the command line asks for one of the two"
    settings = loading.read_new_config(spec.from_scratch)
    if spec.resume and _kept_tokenizer(spec).is_dir():
        tokenizer = loading.load_tokenizer_folder(_kept_tokenizer(spec))
    else:
        length = context_length(loading.plan_causal(settings).to_dict())
        texts = document_texts(spec.train, spec.column)
        size = settings.get("vocab_size", 50257)
        tokenizer = train_tokenizer(texts, size, length or MAX_BLOCK)
    note(
        f"tokenizer: byte-level BPE with {len(tokenizer):,} entries, learnt from the training text"
    )
    ends = {f"{name}_token_id": tokenizer.eos_token_id for name in ("bos", "eos", "pad")}
    return loading.new_causal(
        settings | ends | {"vocab_size": len(tokenizer)}, spec.seed
    ), tokenizer


def _blocks(
    spec: TrainingSpec, model: Any, tokenizer: Any, note: Callable[[str], None]
) -> tuple[Blocks, Blocks]:
    context = context_length(model.config.to_dict())
    size = spec.block_size or min(context or MAX_BLOCK, MAX_BLOCK)
    if context and size > context:
        raise InputError(f"--block-size {size} is more than the {context} tokens the model takes")
    fraction = 0.0 if spec.eval else spec.eval_fraction
    train, held_out = encode_files(tokenizer, spec.train, spec.column, fraction)
    if spec.eval:
        held_out, _ = encode_files(tokenizer, spec.eval, spec.column)
    if len(train) < size:
        raise InputError(
            f"the training text has {len(train)} tokens, one block needs {size}: "
            "give more text, or a smaller --block-size"
        )
    blocks, validation = Blocks(train, size), Blocks(held_out, size)
    note(
        f"data: {len(blocks) * size:,} tokens to train on and {len(validation) * size:,} to "
        f"validate, in blocks of {size}"
    )
    if not len(validation):
        note("no validation: too little text is held out; give --eval or a higher --eval-fraction")
    return blocks, validation


def _recorded(spec: TrainingSpec, report: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Also append each progress record to metrics.jsonl."""
    path = Path(spec.output) / METRICS

    def record(progress: Progress) -> None:
        known = {key: value for key, value in asdict(progress).items() if value is not None}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(known) + "\n")
        report(progress)

    return record


def _final_perplexity(spec: TrainingSpec, trainer: Any, held_out: Blocks) -> float | None:
    if not len(held_out):
        return None
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    loading.round_weights(model, spec.save_dtype)
    return perplexity(mean_nats(model, held_out, trainer.args.per_device_eval_batch_size))


def _save(
    spec: TrainingSpec, base: ModelSpec | None, trained: Trained, model: Any, tokenizer: Any
) -> None:
    """Write the model aside, then move its files into place, the weights last."""
    folder = Path(spec.output)
    aside = folder / "finished.part"
    shutil.rmtree(aside, ignore_errors=True)
    loading.save(model, tokenizer, aside, spec.save_dtype)
    card = training_card(spec, base, asdict(trained))
    (aside / "README.md").write_text(card, encoding="utf-8")
    write_sums(aside)
    for path in sorted(aside.iterdir(), key=lambda path: path.suffix == ".safetensors"):
        path.replace(folder / path.name)
    aside.rmdir()
