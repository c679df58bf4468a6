"""What a run is for and starts from, where the user leaves it out: the task, the model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from llmcli.errors import InputError
from llmcli.evaluation.infer_task import family_of, fields_of, kinds_of_model, training_task
from llmcli.models.architectures import kinds_of
from llmcli.models.file_shapes import CONFIG
from llmcli.models.presets import PRESETS
from llmcli.models.starters import ENCODER, FILL, GENERATE, TRANSLATE, DefaultModel
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.system.metadata import Metadata
from llmcli.training.effects import tasks_of
from llmcli.training.results import Notify

LARGER = DefaultModel(ENCODER, FILL.larger)
MODELS: dict[str, DefaultModel] = {
    "causal-lm": GENERATE,
    "masked-lm": FILL,
    "classification": LARGER,
    "regression": LARGER,
    "token-classification": LARGER,
    "question-answering": LARGER,
    "translation": TRANSLATE,
    "seq2seq": TRANSLATE,
}
"""The model that each task starts from, unless the user names one."""


def complete(
    options: Training, model: ModelSpec | None, note: Notify
) -> tuple[Training, ModelSpec | None]:
    """The settings with a task, and the model to start from; `note` is told what was chosen.

    Raises UsageError where the task is not clear, and what finding the model raises.
    """
    if options.parts:
        return options, model
    if not options.task and options.train:
        options = replace(options, task=_task(options, model))
        note(f"task: {options.task}")
    if model is None and options.from_scratch is None and options.task in MODELS:
        default = MODELS[options.task]
        note(default.note)
        model = ModelSpec(default.model_id)
    return options, model


def _task(options: Training, model: ModelSpec | None) -> str:
    """The task by the settings that only one task has, else by the data and the model."""
    by_settings = tasks_of(options)
    if len(by_settings) == 1:
        return by_settings[0]
    path = options.train[0]
    if path != "-" and not Path(path).is_file():
        raise InputError(f"cannot read {path}: no such file")
    fields = {"text"} if path == "-" else fields_of(path, options.files)
    return training_task(fields, _family(options, model))


SEQ2SEQ = ("marian", "t5", "mt5", "bart", "mbart", "m2m_100", "pegasus")


def _family(options: Training, model: ModelSpec | None) -> str | None:
    """causal, seq2seq or encoder; None if no model is named."""
    if model is not None:
        return family_of(kinds_of_model(model))
    if options.from_scratch is None:
        return None
    settings = _new_settings(options.from_scratch)
    if settings.get("model_type") in SEQ2SEQ:
        return "seq2seq"
    return family_of(kinds_of(settings)) if settings else None


def _new_settings(name: str) -> dict[str, Any]:
    """A preset, or the configuration in a file; empty if it cannot be read, which is said later."""
    path = Path(name)
    if name in PRESETS and not path.is_file():
        return PRESETS[name]
    try:
        return Metadata(path).json(CONFIG)  # type: ignore[no-any-return]
    except InputError:
        return {}
