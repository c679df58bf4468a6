"""The folder of a run: who may write in it, the settings it keeps, and the finished model."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from llmcli.data.write_errors import write_errors_explained
from llmcli.engines.pytorch import saving
from llmcli.errors import DiskFull, UsageError
from llmcli.models import hub
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.system import own_files
from llmcli.system.extras import is_installed
from llmcli.system.hashes import write_sums
from llmcli.system.locks import locked
from llmcli.system.metadata import Metadata
from llmcli.system.processes import is_first
from llmcli.system.resource_errors import write_error
from llmcli.training.base import TrainingTask
from llmcli.training.curves import save_png
from llmcli.training.joint.objective import JointTask
from llmcli.training.joint.preparation import save_joint
from llmcli.training.lora import merged, name_base
from llmcli.training.model_card import training_card
from llmcli.training.preparation import Prepared
from llmcli.training.results import Finetuned
from llmcli.training.resume import checkpoint_root

SETTINGS = "training.json"
ARITHMETIC = "arithmetic"  # its name in SETTINGS
METRICS = "metrics.jsonl"
CURVE = "loss.png"
DECIDE_NOTHING = ("output", "resume", "device", "log_steps", "save_steps", "save_total_limit")
"""Settings that a resumed run may change: the weights do not depend on them."""


def kept_tokenizer(options: Training) -> Path:
    """Where a run keeps its tokenizer, which it may have learnt, until it is finished."""
    return checkpoint_root(options) / "tokenizer"


def check_output(options: Training, base: ModelSpec | None) -> None:
    """Make sure that the folder is free, or that a resumed run has the settings it began with.

    Raises UsageError otherwise, InputError for settings that cannot be read.
    """
    folder = Path(options.output)
    settings = folder / SETTINGS
    if options.resume and settings.exists():
        asked = settings_of(options, base)
        began = Metadata(settings, cure="start a new run in another `output`").json()
        changed = [key for key in asked if asked[key] != began.get(key)]
        if changed:
            was = ", ".join(f"{key}={began.get(key)!r}" for key in changed)
            raise UsageError(
                f"`resume`: this run began with {was}: give the same, or a new `output`"
            )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        hint = "give `resume` to continue, or a new folder"
        cure = hint if settings.exists() else "give a new folder"
        raise UsageError(f"`output` {folder} is not empty: {cure}")


def arithmetic_of(options: Training) -> str | None:
    """The dtype that a run which is resumed has computed in so far; None if that is not known."""
    settings = Path(options.output) / SETTINGS
    if not options.resume or not settings.exists():
        return None
    began = Metadata(settings, cure="start a new run in another `output`").json().get(ARITHMETIC)
    return began if began in ("float32", "bfloat16") else None


@contextmanager
def claimed(
    options: Training, base: ModelSpec | None, tokenizer: Any, arithmetic: str
) -> Iterator[None]:
    """Make the folder, with the settings and, for a resumed run to find it, the tokenizer.

    arithmetic: the dtype of the steps. No other run can work in the folder meanwhile. Raises
    UsageError where one does already.
    """
    if not is_first():
        yield
        return
    root = checkpoint_root(options)
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / "lock", f"`output` {options.output}: another run is at work there"):
        with write_errors_explained(kept_tokenizer(options)):
            tokenizer.save_pretrained(kept_tokenizer(options))
        settings = {**settings_of(options, base), ARITHMETIC: arithmetic}
        write_json(Path(options.output) / SETTINGS, settings)
        yield


def settings_of(options: Training, base: ModelSpec | None) -> dict[str, Any]:
    """All that the result depends on, as JSON gives it back; the data files with their sizes."""
    values = {key: value for key, value in asdict(options).items() if key not in DECIDE_NOTHING}
    values["base"] = [base.model_id, base.revision] if base else None
    config = [options.from_scratch] if options.from_scratch else []
    files = [*options.train, *options.eval, *config]
    values["bytes"] = {path: Path(path).stat().st_size for path in files if Path(path).is_file()}
    result: dict[str, Any] = json.loads(json.dumps(values))
    return result


def write_json(path: Path, value: Any) -> None:
    """Write a file whole or not at all."""
    with own_files.replacing(path) as file:
        file.write(json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")


def save_finished(
    task: TrainingTask,
    base: ModelSpec | None,
    result: Finetuned,
    prepared: Prepared,
    joint_tasks: Sequence[JointTask],
) -> None:
    """Write the model aside, then move its files into place, the weights last.

    joint_tasks: none but in a joint run.
    """
    options = task.options
    folder = Path(options.output)
    aside = folder / "finished.part"
    own_files.make_folder(aside)
    if joint_tasks and base:
        save_joint(joint_tasks, prepared.tokenizer, base, aside, options.save_dtype)
    else:
        model = merged(prepared.model) if options.adapters.merge else prepared.model
        if base:
            name_base(model, hub.resolve(base))
        saving.save(model, prepared.tokenizer, aside, options.save_dtype)
    if is_installed("matplotlib"):
        save_png(result.curves, aside / CURVE, folder.name)
    card = training_card(options, base, result, None if joint_tasks else task)
    (aside / "README.md").write_text(card, encoding="utf-8")
    write_sums(aside)
    for path in sorted(aside.iterdir(), key=lambda path: path.suffix == ".safetensors"):
        if path.is_dir():
            shutil.rmtree(folder / path.name, ignore_errors=True)
        path.replace(folder / path.name)
    aside.rmdir()


@contextmanager
def disk_errors_explained(folder: str) -> Iterator[None]:
    """Turn a disk that is full or cannot be written to into an error of one line."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise write_error(
            error, f"cannot write to {folder}: {reason}; free some space there, then `resume`"
        ) from None
    except RuntimeError as error:
        if "PytorchStreamWriter" not in str(error) and "write" not in str(error):
            raise
        raise DiskFull(f"cannot write to {folder}: free some space, then `resume`") from None
