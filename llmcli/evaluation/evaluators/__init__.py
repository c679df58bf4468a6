"""How each task is evaluated: a file for each, named as the task, with an EVALUATOR."""

from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

from llmcli.errors import UsageError
from llmcli.evaluation.evaluators.base import Evaluator
from llmcli.spec.evaluation import EvaluateOptions, EvaluationTask


def evaluator_of(task: EvaluationTask) -> Evaluator:
    """The evaluator of a task: `causal_lm.EVALUATOR` for `causal-lm`."""
    module = import_module(f"{__name__}.{task.replace('-', '_')}")
    evaluator: Evaluator = module.EVALUATOR
    return evaluator


def complete_options(options: EvaluateOptions) -> EvaluateOptions:
    """The options with the task's defaults filled in.

    Raises UsageError for options that only another task has, or that contradict one another.
    """
    for option in fields(options):
        task = option.metadata.get("task", options.task)
        changed = _changed(option.name, getattr(options, option.name), option.default)
        if task != options.task and changed:
            verb = "go" if len(changed) > 1 else "goes"
            raise UsageError(f"{' and '.join(changed)} {verb} with `task`={task}")
    return evaluator_of(options.task).complete(options)


def _changed(name: str, value: Any, default: Any) -> list[str]:
    """The names of an option that is not its default, or of its fields that are not."""
    if value == default:
        return []
    if not is_dataclass(value):
        return [f"`{name}`"]
    parts = [part.name for part in fields(value)]
    return [f"`{part}`" for part in parts if getattr(value, part) != getattr(default, part)]
