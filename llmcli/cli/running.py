"""What the commands that run a model say about it."""

import click
from click.core import ParameterSource

from llmcli.cli.options import STARTER
from llmcli.cli.output import Output
from llmcli.spec import ModelSpec


def announce_default(spec: ModelSpec, out: Output) -> None:
    """Say that the starter was taken, where nobody asked for it."""
    context = click.get_current_context()
    chosen = context.get_parameter_source("model_id")
    if chosen is ParameterSource.DEFAULT and spec.model_id == STARTER:
        out.note(f"[{STARTER}: a small model of children's stories; -m gpt2 takes a full-size one]")
