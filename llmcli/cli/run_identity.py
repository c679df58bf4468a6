"""Which runs --resume can continue: those with the same identity as the interrupted run."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmcli import __version__
from llmcli.cli.flags import flag_of
from llmcli.data.results import plain
from llmcli.spec import InputOptions

if TYPE_CHECKING:
    from llmcli.data.run_journal import Identity
    from llmcli.engines.base import Loaded

IRRELEVANT = (
    *(
        "output",
        "quiet",
        "verbose",
        "resume",
        "restart",
        "fields",
        "max_errors",
        "offline",
        "as_json",
        "format",
        "input",
        "html",
        "png",
        "lang",
    ),
    "engine",  # the model's own identity says what runs it
)
"""Options that do not change the results."""


def identity_of(
    source: InputOptions, loaded: "Loaded", context: str | None = None
) -> "Callable[[], Identity] | None":
    """A function that computes the identity of this run; None if it cannot be resumed.

    The identity holds command, settings, versions, and hashes of the input and the model. context:
    a text that the results depend on as well, though it is not in the file.
    """
    if source.input is None or source.input == "-":
        return None
    path = Path(source.input)

    def identity() -> "Identity":
        from llmcli.system.hashes import hash_file

        command = click.get_current_context()
        settings = {
            flag_of(option): plain(command.params.get(str(option.name)))
            for option in command.command.params
            if option.name not in IRRELEVANT and option.expose_value
        }
        return {
            "llmcli": f"{command.info_name} {__version__}",
            "input": hash_file(path),
            "context": context and hashlib.sha256(context.encode()).hexdigest(),
            **loaded.identity(),
            **settings,
        }

    return identity
