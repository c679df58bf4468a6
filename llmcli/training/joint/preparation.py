"""Load and save the models of a joint run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmcli.engines.pytorch import saving
from llmcli.models import hub
from llmcli.models.checkpoint import pickle_refused
from llmcli.models.modules import copy_modules
from llmcli.spec import Dtype, ModelSpec
from llmcli.spec.training import Training
from llmcli.training.joint.objective import (
    JointModel,
    JointObjective,
    JointTask,
    Rounds,
    merged_state,
)
from llmcli.training.joint.parts import TaskEntry, read_parts
from llmcli.training.label_tasks import LabelObjective
from llmcli.training.preparation import Prepared
from llmcli.training.results import Notify
from llmcli.training.starting_models import load_model


def prepare_joint(
    options: Training, parts: str, base: ModelSpec, note: Notify
) -> tuple[Prepared, list[JointTask]]:
    """Load the body with a head for each task of the file `parts`, and the data of all.

    Raises as `prepare` does.
    """
    tasks = []
    for entry in read_parts(parts):
        task = _joint_task(entry, options, base, note)
        note(f"{task.name}: {len(task.train):,} examples, {sum(task.train.lengths()):,} tokens")
        tasks.append(task)
    model = JointModel(tasks, tasks[0].objective.model.base_model_prefix)
    objective = JointObjective(model, tasks)
    rounds = Rounds(tasks, options.seed)
    held_out = rounds if any(task.held_out is not None for task in tasks) else None
    return Prepared(model, objective.tokenizer, objective, rounds, held_out), tasks


def _joint_task(entry: TaskEntry, options: Training, base: ModelSpec, note: Notify) -> JointTask:
    task = entry.training_task(options, base)
    data = entry.read_data(task)
    model, tokenizer = load_model(task, base, data, note)
    objective = task.objective(model, tokenizer, name=base.model_id, rows=data.train)
    return JointTask(
        name=entry.name,
        objective=objective,
        train=objective.known_examples(data.train),
        held_out=objective.known_examples(data.held_out) if data.held_out else None,
        batch_size=task.options.batch_size or 1,
        weight=entry.weight,
    )


def save_joint(
    tasks: Sequence[JointTask], tokenizer: Any, base: ModelSpec, folder: Path, dtype: Dtype
) -> None:
    """Write one folder that each head's class loads: the body and all heads, stored once."""
    body = tasks[0].objective.model.base_model_prefix
    config = _labelled_config(tasks)
    config.architectures = [type(task.objective.model).__name__ for task in tasks]
    saving.save_state(config, merged_state(tasks, body), tokenizer, folder, dtype)
    for pickled in copy_modules(hub.resolve(base), folder):
        raise pickle_refused(base.model_id, f"{pickled.parent.name}/{pickled.name}")


def _labelled_config(tasks: Sequence[JointTask]) -> Any:
    """The configuration with labels: of texts before those of words, which few commands show."""
    configs = [task.objective.model.config for task in tasks]
    labelled = [
        config
        for config, task in zip(configs, tasks, strict=True)
        if isinstance(task.objective, LabelObjective)
    ]
    of_texts = [config for config in labelled if config.problem_type]
    return [*of_texts, *labelled, *configs][0]
