"""The checkpoints of a training run: moved into place whole, found again, cleared away."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from llmcli.spec.training import Training
from llmcli.system.hashes import SUMS, hash_file, read_sums, write_sums

TRAINER_STATE = "trainer_state.json"


def checkpoint_root(options: Training) -> Path:
    """The folder with the checkpoints of a run."""
    return Path(options.output) / "checkpoints"


def move_into_place(written: Path, place: Path) -> None:
    """Hash a folder that was written aside, make sure it is on the disk, and rename it."""
    write_sums(written)
    for path in written.iterdir():
        _sync(path)
    _sync(written)
    if place.exists():  # of a run that was broken off and resumed from before it
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
    """True where a checkpoint has all of its files, with the contents they were written with."""
    sums = read_sums(checkpoint)
    if TRAINER_STATE not in sums:
        return False
    return all(
        (checkpoint / name).is_file() and hash_file(checkpoint / name) == digest
        for name, digest in sums.items()
    )


def last_whole(root: Path) -> Path | None:
    """The newest checkpoint below `root` that is whole, or None."""
    candidates = [path for path in root.glob("checkpoint-*") if (path / SUMS).is_file()]
    for path in sorted(candidates, key=step_of, reverse=True):
        if is_whole(path):
            return path
    return None


def step_of(checkpoint: Path) -> int:
    """The number of steps that a checkpoint was written after."""
    last = checkpoint.name.rpartition("-")[2]
    return int(last) if last.isdigit() else -1


def read_state(checkpoint: Path) -> dict[str, Any]:
    """What the trainer noted: the steps made, those to make, and the log."""
    state: dict[str, Any] = json.loads((checkpoint / TRAINER_STATE).read_text(encoding="utf-8"))
    return state


def lower_is_better(metric: str) -> bool:
    """True for losses and errors, also those of a task of a joint run; other metrics are scores."""
    return metric.endswith(("loss", "error"))


def best_step(history: list[dict[str, Any]], metric: str) -> int | None:
    """After which step the validation metric was best, the first of several; None without any."""
    key = f"eval_{metric}"
    scored = [(one[key], one["step"]) for one in history if key in one]
    if not scored:
        return None
    sign = 1 if lower_is_better(metric) else -1
    return int(min(scored, key=lambda one: (sign * one[0], one[1]))[1])


def keep_newest(root: Path, count: int, best: int | None) -> None:
    """Remove all but the newest `count` checkpoints and the best one."""
    found = sorted(root.glob("checkpoint-*"), key=step_of)
    for path in found[:-count]:
        if step_of(path) != best:
            shutil.rmtree(path, ignore_errors=True)
