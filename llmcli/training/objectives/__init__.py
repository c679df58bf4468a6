"""The training tasks, a file each: the file's name is the `task`, with - for _.

Adding a file adds a task. It has a `task`: called with the settings, it gives a TrainingTask.
Names are listed without importing the files, which import torch.
"""

from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from llmcli.errors import UsageError
from llmcli.spec.training import Training

if TYPE_CHECKING:
    from llmcli.training.base import TrainingTask


LANGUAGE_MODEL = "causal-lm"


def task_names() -> tuple[str, ...]:
    """The names that `task` can have, in alphabetical order."""
    return tuple(sorted(module.name.replace("_", "-") for module in iter_modules(__path__)))


def load_task(options: Training) -> "TrainingTask":
    """The task that the settings name, else causal-lm. Raises UsageError for an unknown name."""
    if not options.task:
        options = replace(options, task=LANGUAGE_MODEL)
    if options.task not in task_names():
        raise UsageError(f"`task` {options.task}: use one of {', '.join(task_names())}")
    module = import_module(f"{__name__}.{options.task.replace('-', '_')}")
    task: TrainingTask = module.task(options)
    return task
