"""Names of settings in messages, turned into the flags that a user types.

Below cli/, a message names a setting as its field, in backquotes: `num_beams`. That is right for
callers from Python. On the command line it becomes --num-beams.
"""

import re

import click

FIELD = re.compile(r"(?<!\.json: )(?<!\.jsonl: )`([a-z][a-z0-9_]*)`(?:=(?=\S))?")
"""A field of the settings; not what follows the name of a file, which is a key in it."""


def with_flags(message: str, command: click.Command | None = None) -> str:
    """A message with the settings of a command as flags; other names in backquotes are kept.

    command: None: the command that runs.

    >>> decode = click.Command("decode", params=[click.Option(["-n", "--num-beams"])])
    >>> with_flags("`num_beams` 4 contradicts `seed`", decode)
    '--num-beams 4 contradicts `seed`'
    >>> with_flags("try `num_beams`=2", decode)
    'try --num-beams 2'
    >>> with_flags("generation_config.json: `num_beams` is a list", decode)
    'generation_config.json: `num_beams` is a list'
    """
    if command is None:
        context = click.get_current_context(silent=True)
        if context is None:
            return message
        command = context.command
    flags = _flags(command)

    def flag(match: re.Match[str]) -> str:
        name = match[1]
        if name not in flags:
            return match[0]
        return flags[name] + (" " if match[0].endswith("=") else "")

    return FIELD.sub(flag, message)


def _flags(command: click.Command) -> dict[str, str]:
    """Each option by the name of its field: as `flag_of` spells it, or -m for the model.

    A group has the options of its commands.
    """
    if isinstance(command, click.Group):
        context = click.Context(command)
        names = command.list_commands(context)
        commands = [command.get_command(context, name) for name in names]
        parts = [_flags(child) for child in commands if child is not None]
        return {name: flag for part in parts for name, flag in part.items()}
    flags = {
        str(option.name): flag_of(option)
        for option in command.params
        if isinstance(option, click.Option)
    }
    if "model_id" in flags:
        flags["model"] = "-m"
    return flags


def flag_of(param: click.Parameter) -> str:
    """The spelling of an option: that of its field, else the longest; the name of an argument."""
    if not isinstance(param, click.Option):
        return str(param.name)
    own = f"--{str(param.name).replace('_', '-')}"
    return own if own in param.opts else max(param.opts, key=len)
