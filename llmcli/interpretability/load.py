"""Load a model to look inside: on torch, in float32, with the head that is explained."""

from dataclasses import replace

import torch

from llmcli.engines.base import Loaded
from llmcli.engines.gguf import unpack
from llmcli.engines.pytorch import loading
from llmcli.errors import ModelUnsuitable, UsageError, listed
from llmcli.inference.loading import AnyModel, Model, load_part
from llmcli.models import hub
from llmcli.models.architectures import Kind, choose_kind, kinds_of
from llmcli.models.gguf import read_settings
from llmcli.models.starters import (
    ANSWER,
    CLASSIFY,
    FILL,
    GENERATE,
    TAG,
    TRANSLATE,
    DefaultModel,
    Note,
    ignore,
)
from llmcli.spec import ModelSpec
from llmcli.spec.explain import SECTIONS_OF_SETTINGS, ExplainOptions, ExplainTask

KIND_OF_TASK: dict[ExplainTask, Kind] = {
    "causal-lm": "causal",
    "masked-lm": "masked",
    "translation": "seq2seq",
    "classification": "classifier",
    "token-classification": "tagger",
    "question-answering": "reader",
}
TASK_OF_KIND = {kind: task for task, kind in KIND_OF_TASK.items()}
DEFAULTS: dict[Kind, DefaultModel] = {
    "causal": GENERATE,
    "masked": FILL,
    "seq2seq": TRANSLATE,
    "classifier": CLASSIFY,
    "tagger": TAG,
    "reader": ANSWER,
}


def load_subject(model: AnyModel, options: ExplainOptions, *, note: Note = ignore) -> Loaded:
    """Load the model that is explained, with the head that `options` ask for.

    model: None, or one without a name, takes the starter for the task. note: receives a line for
    each choice that was made. Its attention is the one that transformers takes by itself.
    Raises UsageError where another engine or dtype is asked for, or settings contradict one
    another; ModelNotFound; ModelUnsuitable for a model without the head, or one that cannot be
    explained.
    """
    spec = model.spec if isinstance(model, Model) else model
    _require_plain(spec or ModelSpec())
    wanted = wanted_kinds(options)
    _require_effect(options)

    def load_network(spec: ModelSpec) -> Loaded:
        return _load(replace(spec, dtype="float32", engine="torch"), wanted, note)

    return load_part(model, DEFAULTS[wanted[0]], ("explain", wanted), load_network, note)


def _require_plain(model: ModelSpec) -> None:
    """Raise UsageError for an engine or a dtype in which nothing can be explained."""
    if model.engine == "ct2":
        raise UsageError(
            "`engine` ct2 gives results, but not what is inside, which torch shows: leave it out"
        )
    if model.dtype not in ("auto", "float32"):
        raise UsageError(
            f"`dtype` {model.dtype} is too inexact for the checks, which need float32: leave it out"
        )


def wanted_kinds(options: ExplainOptions) -> tuple[Kind, ...]:
    """The kinds of model that can be explained as the settings say, the first being preferred.

    Raises UsageError for settings that belong to different kinds.
    """
    by_setting: dict[Kind, list[str]] = {}
    for name, kind in SETTINGS_OF_KINDS.items():
        if getattr(options, name) is not None:
            by_setting.setdefault(kind, []).append(name)
    if options.task is not None:
        kind = KIND_OF_TASK[options.task]
        others = [name for other, names in by_setting.items() if other != kind for name in names]
        if others:
            raise UsageError(
                f"`{others[0]}` has no effect with `task` {options.task}: leave it out"
            )
        return (kind,)
    if len(by_setting) > 1:
        names = [names[0] for names in by_setting.values()]
        raise UsageError(f"`{names[0]}` and `{names[1]}` are for different models: give one")
    return tuple(by_setting) or tuple(DEFAULTS)


def _require_effect(options: ExplainOptions) -> None:
    """Raise UsageError for a setting that none of the chosen sections obeys."""
    for name, sections in SECTIONS_OF_SETTINGS.items():
        is_set = getattr(options, name) != getattr(ExplainOptions(), name)
        if is_set and options.sections and not set(sections) & set(options.sections):
            raise UsageError(
                f"`{name}` has no effect on these `sections`: add {' or '.join(sections)}"
            )


SETTINGS_OF_KINDS: dict[str, Kind] = {
    "question": "reader",
    "from_lang": "seq2seq",
    "to_lang": "seq2seq",
    "translation": "seq2seq",
}
"""Settings that only one kind of model has."""


def _load(model: ModelSpec, wanted: tuple[Kind, ...], note: Note) -> Loaded:
    unpack(model, note)
    config = read_settings(hub.resolve(model))
    kinds = kinds_of(config)
    if kinds == ("encoder",) and len(wanted) > 1:
        loaded = loading.load_encoder(model)
    else:
        kind = choose_kind(model.model_id, config, wanted)
        others = [TASK_OF_KIND[other] for other in kinds if other in TASK_OF_KIND and other != kind]
        if others and len(wanted) > 1:
            note(
                f"{model.model_id} has several heads: {TASK_OF_KIND[kind]} is explained; `task` "
                f"takes {listed(others)} too"
            )
        loaded = loading.load(model, (kind,))
    return _prepared(loaded)


def _prepared(loaded: Loaded) -> Loaded:
    """A model whose weights need no gradients. Raises ModelUnsuitable for quantised weights."""
    for name, parameter in loaded.network.named_parameters():
        if parameter.dtype is not torch.float32:
            raise ModelUnsuitable(
                f"{loaded.checkpoint.model_id} has weights in {str(parameter.dtype)[6:]} ({name}): "
                "explain needs float32; take the model that it was quantised from"
            )
        parameter.requires_grad_(False)
    return loaded
