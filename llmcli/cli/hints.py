"""What to type in place of a command or flag of another program. Read after a mistake only.

What means exactly the same is an alias: cli/aliases.py.
"""

import re
import shlex
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

import click

from llmcli.cli import hint_tables as tables
from llmcli.cli.aliases import COMMANDS, expanded

FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


def unknown_command(words: Sequence[str], commands: Sequence[str]) -> str:
    """The message for a command line whose first word is no command.

    words: the whole line, so that nothing of it is lost in the line that is proposed.
    """
    name, rest = words[0], list(words[1:])
    key = name.replace("_", "-").lower()
    if key in tables.LINES:
        return f"No such command {name!r}: {_line(tables.LINES[key](rest))}"
    if key in tables.COMMANDS:
        return f"No such command {name!r}: {tables.COMMANDS[key]}"
    near = get_close_matches(key, [*commands, *COMMANDS], 1, 0.7)
    if near:
        return f"No such command {name!r}. Did you mean {_line(expanded([near[0], *rest]))}?"
    if name.startswith("-"):
        return option_of_a_command(name, words)
    if Path(name).is_file():
        file = shlex.quote(name)
        return f"{name!r} is a file, not a command: llmcli classify -i {file}, for example"
    if re.search(r"\W", name):
        return f"a command comes before the text: {_line(['generate', *words])}"
    return (
        f"No such command {name!r}: it has {', '.join(commands)}; to continue a text, "
        f"{_line(['generate', *words])}"
    )


def option_of_a_command(flag: str, words: Sequence[str]) -> str:
    """The message for a flag of a command that stands before any command."""
    if flag in ("-v", "-V"):
        return f"{flag} goes with a command; llmcli --version prints the version"
    return f"{flag} is an option of a command: {_line(['generate', *words])}, for example"


def _line(words: Sequence[str]) -> str:
    return (
        f"llmcli {' '.join(word if word in tables.PLACES else shlex.quote(word) for word in words)}"
    )


def unknown_option(error: click.NoSuchOption) -> str:
    """The message for a flag that the command does not have."""
    command = error.ctx.command if error.ctx else None
    name = error.option_name.lstrip("-").replace("_", "-")
    own = {word for param in command.params for word in param.opts} if command else set()
    hint = tables.FLAGS.get(name) or tables.SHORT.get(error.option_name)
    for line in (hint,) if isinstance(hint, str) else hint or ():
        if set(FLAG.findall(line)) <= own | {"--help"}:
            return f"No such option {error.option_name}: {line}"
    if error.possibilities:
        return (
            f"No such option {error.option_name}. Did you mean {' or '.join(error.possibilities)}?"
        )
    return f"No such option {error.option_name}"
