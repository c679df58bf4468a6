"""Fine-tune a model, or train one from scratch; check the data, or estimate the cost, beforehand.

Imports torch only when a function is called, so that wrong settings are reported at once.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from llmcli.errors import UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.training.effects import require_effect
from llmcli.training.objectives import load_task, task_names
from llmcli.training.results import Estimate, Event, Finetuned, Note, OnEvent, Progress
from llmcli.training.settings import require_valid

if TYPE_CHECKING:
    from llmcli.training.checkup.findings import DataCheck

__all__ = ["Event", "Finetuned", "Note", "Progress", "check", "dry_run", "finetune"]
__all__ += ["completed", "pipeline_tags", "training_tasks"]


def training_tasks() -> tuple[str, ...]:
    """The values that `Training.task` can have."""
    return task_names()


def finetune(
    options: Training,
    model: ModelSpec | None = None,
    *,
    on_event: OnEvent | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Finetuned:
    """Train, and write a Hugging Face folder to `options.output`.

    model: the checkpoint to start from; None: a new model of `options.from_scratch`, else the
    starter for the task.
    on_event: called with each choice made and each progress report, in this thread.
    should_stop: asked after each step; True saves a checkpoint and raises Interrupted.
    Raises UsageError for settings that contradict each other and for an output folder in use,
    InputError for data or settings that cannot be used, and what loading the model raises.
    """
    events = _Events(on_event)
    require_valid(options, model)
    if not options.output:
        raise UsageError("give `output` DIR, the folder of the new model")
    options, model = completed(options, model, on_event=events.report)
    from llmcli.training.run import train

    result = train(
        options, _starting_from(model, options), events.report, should_stop or (lambda: False)
    )
    return replace(result, notes=tuple(events.notes))


def completed(
    options: Training, model: ModelSpec | None = None, *, on_event: OnEvent | None = None
) -> tuple[Training, ModelSpec | None]:
    """The settings with a task, and the model that a run of them starts from; both are checked.

    on_event: called with each choice made. Raises UsageError for settings that contradict each
    other or leave the task open, and what finding the model raises.
    """
    require_valid(options, model)
    from llmcli.training.complete import complete

    options, model = complete(options, model, _Events(on_event).note)
    require_effect(options)
    return options, model


def pipeline_tags(options: Training) -> tuple[str, ...]:
    """What a run trains a model for, by the hub's names of tasks. Imports torch."""
    if options.parts is None:
        return (load_task(options).pipeline_tag,)
    from llmcli.training.joint.parts import read_parts

    tasks = [
        entry.training_task(options, ModelSpec(""), with_teacher=False)
        for entry in read_parts(options.parts)
    ]
    return tuple(dict.fromkeys(task.pipeline_tag for task in tasks))


def check(
    options: Training, model: ModelSpec | None = None, *, on_event: OnEvent | None = None
) -> "DataCheck":
    """Examine the data of a run without training; of a joint run, the data of each task in turn.

    Writes nothing. Raises UsageError for settings that contradict each other, and what loading
    the model raises; problems of the data are in the result.
    """
    events = _Events(on_event)
    options, model = completed(options, model, on_event=events.report)
    from llmcli.training.checkup.examine import examine_all

    return examine_all(options, _starting_from(model, options), events.note)


def dry_run(
    options: Training, model: ModelSpec | None = None, *, on_event: OnEvent | None = None
) -> Estimate:
    """Take a few real steps in memory, and estimate what the whole run takes.

    Leaves no files behind. Raises what `finetune` raises before its first step.
    """
    events = _Events(on_event)
    options, model = completed(options, model, on_event=events.report)
    from llmcli.training.run import estimate

    return estimate(options, _starting_from(model, options), events.report)


def _starting_from(model: ModelSpec | None, options: Training) -> ModelSpec | None:
    """The checkpoint to start from, which reads special tokens as the settings say."""
    if model is None:
        return None
    return replace(model, allow_special=model.allow_special or options.allow_special)


class _Events:
    """Keeps the notes of a run, and passes all events on."""

    def __init__(self, on_event: OnEvent | None) -> None:
        self.notes: list[str] = []
        self._on_event = on_event

    def report(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Note):
            self.notes.append(event.text)
        if self._on_event is not None:
            self._on_event(event)

    def note(self, text: str) -> None:
        """Take one choice that was made."""
        self.report(Note(text))
