"""The YAML file of a joint run: a list of tasks, each with its data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llmcli.errors import InputError, UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.system.metadata import Metadata
from llmcli.training.base import Data
from llmcli.training.effects import require_effect
from llmcli.training.joint.distillation import Distillation
from llmcli.training.objectives import load_task, task_names
from llmcli.training.rows import RowTask

OWN = (
    *("train", "eval", "eval_fraction", "columns", "label_column"),
    *("block_size", "batch_size", "mask_fraction"),
)
"""Settings of Training that a task has for itself."""
NUMBERS = ("weight", "limit", "batch_size", "block_size", "mask_fraction")
EMBEDDING = "embedding"
ON_AN_ENCODER = ("masked", "classifier", "tagger", "reader")
"""Kinds of models that have a head on an encoder, which they can share."""


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """One task of the file."""

    name: str
    values: dict[str, Any]
    """Its settings, by the names of the fields of Training."""

    @property
    def weight(self) -> float:
        """The weight of its loss."""
        return float(self.values.get("weight", 1.0))

    def cut(self, rows: Sequence[Any]) -> list[Any]:
        """The first rows to train on, `limit` at most."""
        return list(rows[: self.values.get("limit")])

    def read_data(self, task: RowTask) -> Data:
        """The rows of the task, those to train on cut to its limit."""
        data = task.read_data()
        return replace(data, train=self.cut(data.train))

    def training_task(
        self, options: Training, base: ModelSpec, *, with_teacher: bool = True
    ) -> RowTask:
        """The task, as if it were a run of its own.

        with_teacher: for embeddings; without it they are zeros, enough to count tokens.
        """
        own = {key: self.values[key] for key in OWN if key in self.values}
        alone = Training(
            **{"train": (), "eval": (), **own},
            output=options.output,
            files=options.files,
            seed=options.seed,
            allow_special=options.allow_special,
            task=self.name,
        )
        if self.name == EMBEDDING:
            teacher = replace(base, model_id=self.values.get("teacher", base.model_id))
            return Distillation(alone, teacher if with_teacher else None)
        task = load_task(alone)
        assert isinstance(task, RowTask), "read_parts lets no other pass"
        return task


def joint_task_names() -> list[str]:
    """The tasks that can share an encoder."""
    tasks = {name: load_task(Training((), "", task=name)) for name in task_names()}
    return [*(name for name, task in tasks.items() if _is_on_an_encoder(task)), EMBEDDING]


def _is_on_an_encoder(task: Any) -> bool:
    return isinstance(task, RowTask) and task.defaults.kind in ON_AN_ENCODER


def read_parts(path: str) -> list[TaskEntry]:
    """Read the list of tasks. Raises InputError for a file without one, or with unknown keys."""
    listed = Metadata(Path(path)).yaml()
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise InputError(f"{path} must be a list of tasks, each with task and train")
    entries = [_checked(path, entry) for entry in listed]
    if not entries or len({entry.name for entry in entries}) < len(entries):
        raise InputError(f"{path}: each task can be there once, and one must be")
    if {"classification", "regression"} <= {entry.name for entry in entries}:
        raise InputError(f"{path}: classification and regression need the same head: choose one")
    return entries


def _checked(path: str, entry: dict[Any, Any]) -> TaskEntry:
    """The settings of a task by the names of Training's fields, lists as tuples."""
    known = ("task", "weight", "teacher", "limit", *OWN)
    values = {str(key).replace("-", "_"): value for key, value in entry.items()}
    values = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    for key in values:
        if key not in known:
            raise InputError(f"{path}: unknown key {key!r}; known: {', '.join(sorted(known))}")
    names = joint_task_names()
    if values.get("task") not in names or not values.get("train"):
        raise InputError(f"{path}: each task needs train, and a task of {', '.join(names)}")
    for key in ("train", "eval", "columns"):
        if isinstance(values.get(key), str):
            values[key] = (values[key],)
    _require_effect(path, values)
    for key, value in values.items():
        if key in NUMBERS and not _is_positive(value):
            raise InputError(f"{path}: {key} {value!r} is not a positive number")
    return TaskEntry(values.pop("task"), values)


def _require_effect(path: str, values: dict[str, Any]) -> None:
    """Raise InputError for a setting that the task of an entry does not have."""
    task = values["task"]
    is_embedding = task == EMBEDDING
    for key in ("mask_fraction", "label_column") if is_embedding else ("teacher",):
        if key in values:
            raise InputError(f"{path}: {key} has no effect on {task}: leave it out")
    if not is_embedding:
        own = {key: values[key] for key in OWN if key in values}
        try:
            require_effect(Training(**{**own, "output": "", "task": task}))
        except UsageError as error:
            raise InputError(f"{path}: {error}") from None


def _is_positive(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float)) and value > 0
