"""Checkpoints of a training run: moves them into place, verifies, finds and removes them."""

import math
import os
import shutil
from pathlib import Path
from typing import Any

from llmcli.errors import InputError
from llmcli.spec.training import Training
from llmcli.system.file_modes import apply_umask
from llmcli.system.hashes import SUMS, hash_file, read_sums, write_sums
from llmcli.system.metadata import Metadata
from llmcli.system.shapes import NUMBER, Between, ListOf, Object

TRAINER_STATE = "trainer_state.json"
CURE = "remove this checkpoint, then resume from the one before"
LOG = 256 << 20  # bytes; of a long run
STATE = Object(
    {
        "global_step": Between(0, 10**12),
        "max_steps": Between(0, 10**12),
        "log_history": ListOf(
            Object({"step": Between(0, 10**12), "loss": NUMBER, "eval_loss": NUMBER})
        ),
    },
    needs=("global_step", "max_steps", "log_history"),
)
"""Of the trainer's state, what is read here."""


def checkpoint_root(options: Training) -> Path:
    """Return the folder that holds the checkpoints of a run."""
    return Path(options.output) / "checkpoints"


def move_into_place(written: Path, place: Path) -> None:
    """Hash the files of a temporary folder, flush them to disk, and rename the folder."""
    apply_umask(written)
    write_sums(written)
    for path in written.iterdir():
        _sync(path)
    _sync(written)
    if place.exists():  # from an interrupted run, resumed from an earlier checkpoint
        shutil.rmtree(place)
    written.rename(place)
    _sync(place.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_whole(checkpoint: Path) -> bool:
    """Return True if all files of a checkpoint exist and match the hashes saved with them."""
    try:
        sums = read_sums(checkpoint)
    except InputError:
        return False
    if TRAINER_STATE not in sums:
        return False
    return all(
        (checkpoint / name).is_file() and hash_file(checkpoint / name) == digest
        for name, digest in sums.items()
    )


def last_whole(root: Path) -> Path | None:
    """Return the newest complete checkpoint in `root`, or None."""
    candidates = [path for path in root.glob("checkpoint-*") if (path / SUMS).is_file()]
    for path in sorted(candidates, key=step_of, reverse=True):
        if is_whole(path):
            return path
    return None


def step_of(checkpoint: Path) -> int:
    """Return the training step at which a checkpoint was saved, from its name; -1 without one."""
    step = checkpoint.name.rpartition("-")[2]
    return int(step) if step.isdigit() else -1


def read_state(checkpoint: Path) -> dict[str, Any]:
    """Return the saved trainer state: current step, total steps and the log history."""
    file = Metadata(checkpoint / TRAINER_STATE, cure=CURE, limit=LOG)
    state: dict[str, Any] = file.json(STATE)
    return state


def lower_is_better(metric: str) -> bool:
    """Return True for losses and errors, with or without a task prefix; False for scores."""
    return metric.endswith(("loss", "error"))


def best_step(history: list[dict[str, Any]], metric: str) -> int | None:
    """Return the step with the best validation metric; None without any.

    On a tie the lower loss decides, then the earlier step. NaN is worse than any number.
    """
    key = f"eval_{metric}"
    scored = [record for record in history if key in record]
    if not scored:
        return None
    sign = 1 if lower_is_better(metric) else -1

    def rank(record: dict[str, Any]) -> tuple[float, float, int]:
        value, loss = sign * record[key], record.get("eval_loss", 0.0)
        return *(math.inf if math.isnan(n) else n for n in (value, loss)), record["step"]

    return int(min(scored, key=rank)["step"])


def keep_newest(root: Path, count: int, best: int | None) -> None:
    """Delete all checkpoints except the newest `count` and the one of step `best`."""
    checkpoints = sorted(root.glob("checkpoint-*"), key=step_of)
    for path in checkpoints[:-count]:
        if step_of(path) != best:
            shutil.rmtree(path, ignore_errors=True)
