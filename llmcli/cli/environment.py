"""Environment variables: LLMCLI_MODEL for all commands, LLMCLI_GENERATE_MODEL for one.

Each option can be set by a variable with the name of its command and of its flag. The variable of
a command comes before the one for all commands. A name that nothing reads is an error, as an
unknown key of a config file is.
"""

import os
from collections.abc import Iterator

import click

from llmcli.errors import UsageError

OF_THE_PROGRAM = (
    *("LLMCLI_API_KEY", "LLMCLI_CACHE", "LLMCLI_CALIBRATION"),
    *("LLMCLI_DATA", "LLMCLI_DEBUG"),
)
"""Variables that are read without an option."""


def bind_variables(command: click.Command, prefix: str) -> None:
    """Let each option of a command read PREFIX_FLAG, for each spelling of its flag, first."""
    for option in command.params:
        if isinstance(option, click.Option) and option.expose_value:
            option.envvar = [*_own(option, prefix), *_shared(option)]


def _own(option: click.Option, prefix: str) -> list[str]:
    names = [word.lstrip("-") for word in option.opts if word.startswith("--")]
    return [f"{prefix}_{name.replace('-', '_').upper()}" for name in names]


def _shared(option: click.Option) -> list[str]:
    """The variables that an option reads in every command."""
    return [option.envvar] if isinstance(option.envvar, str) else []


def require_known(command: click.Command, prefix: str, commands: list[str]) -> None:
    """Raise UsageError if a variable for this command, or for all of them, is one of no option.

    commands: the names of all commands; the variables of another one are not looked at.
    """
    set_here = sorted(name for name in os.environ if name.startswith("LLMCLI_"))
    if not set_here:
        return
    known = {*OF_THE_PROGRAM, *SHARED, *_variables(command, prefix)}
    others = tuple(f"LLMCLI_{name.upper()}_" for name in commands)
    for name in set_here:
        if name not in known and (name.startswith(f"{prefix}_") or not name.startswith(others)):
            raise UsageError(f"{name} is set, but no option reads it{_near(name, known)}")


SHARED = (
    *("LLMCLI_MODEL", "LLMCLI_DEVICE", "LLMCLI_ENGINE", "LLMCLI_DTYPE"),
    *("LLMCLI_OFFLINE", "LLMCLI_CONFIG", "LLMCLI_URL"),
)
"""Variables for all commands that have the option."""


def _variables(command: click.Command, prefix: str) -> Iterator[str]:
    """All variables that a command reads, those of a group's commands too."""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from _variables(child, f"{prefix}_{name.upper()}")
    for param in command.params:
        if isinstance(param, click.Option):
            yield from param.envvar if isinstance(param.envvar, list) else _shared(param)
            yield f"{prefix}_{str(param.name).upper()}"  # click's own name


def _near(name: str, known: set[str]) -> str:
    """What the user may have meant, and where the variables are listed."""
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), 1, 0.8)
    return f": did you mean {near[0]}?" if near else ": unset it, or see docs/settings.md"
