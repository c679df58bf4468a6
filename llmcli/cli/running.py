"""Default models and loading for evaluate and bench."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from llmcli.cli.options.model import ENCODER, STARTER, TRANSLATOR
from llmcli.cli.output import Output
from llmcli.spec import InputOptions, ModelSpec

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded
    from llmcli.models.architectures import Kind

STARTERS = {
    STARTER: "a small model of children's stories",
    ENCODER: "a small model of English",
    TRANSLATOR: "a small model for short sentences",
}
LARGER = {
    "answer": "distilbert/distilbert-base-cased-distilled-squad",
    "classify": "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    "embed": "sentence-transformers/all-MiniLM-L6-v2",
    "fill": "google-bert/bert-base-uncased",
    "translate": "Helsinki-NLP/opus-mt-FROM-TO",
}


def is_default_model() -> bool:
    """True where nobody named a model: not the user, a variable or a file."""
    context = click.get_current_context()
    return context.get_parameter_source("model_id") is ParameterSource.DEFAULT


def is_named_here() -> bool:
    """True where the command line itself names a model."""
    context = click.get_current_context()
    return context.get_parameter_source("model_id") is ParameterSource.COMMANDLINE


def announce_default(model: ModelSpec, out: Output, command: str) -> None:
    """Say which model was taken for a command's task, where nobody asked for it."""
    if not is_default_model():
        return
    if model.model_id in STARTERS:
        larger = LARGER.get(command, "gpt2")
        out.note(f"{model.model_id}: {STARTERS[model.model_id]}; -m {larger} takes a full-size one")
    else:
        out.note(f"{model.model_id}: the model that is taken unless -m names another")


def load_for(
    model: ModelSpec, out: Output, *kinds: "Kind", source: InputOptions, **generation: Any
) -> "Loaded":
    """Load a model for a task, saying how it runs.

    kinds: what it may be; none: any, without its head. source: the texts. generation: the fields
    `decoding` and `decoding_of` of a Purpose.
    """
    from llmcli.engines.choose import Purpose, load

    loaded = load(model, Purpose(kinds, _file_bytes(source), **generation), out.note)
    out.describe(loaded)
    return loaded


def _file_bytes(source: InputOptions) -> int | None:
    if source.input is None:
        return None
    if source.input == "-" or source.limit is not None:
        return 0
    try:
        return Path(source.input).stat().st_size
    except OSError:
        return 0
