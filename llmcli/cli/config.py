"""Defaults from YAML files: the user's own, and before it the one that --config names.

Keys at the top of a file are options of any command; below a command's name they are for that
command alone. A key that no command has is an error.
"""

from pathlib import Path
from typing import Any

import click

from llmcli.errors import InputError

Defaults = dict[str, Any]


def user_defaults(root: click.Group) -> Defaults:
    """Click's default_map for all commands: what the user's own file says, if there is one."""
    path = user_config()
    return _read(root, path) if path.is_file() else {}


def config_option(root: click.Group) -> click.Option:
    """The option --config of one command. Its file goes before the user's own."""

    def apply(ctx: click.Context, option: click.Parameter, path: str | None) -> None:
        if path is not None:
            found = _read(root, Path(path)).get(str(ctx.info_name), {})
            ctx.default_map = {**(ctx.default_map or {}), **found}

    return click.Option(
        ["--config"],
        metavar="FILE",
        envvar="LLMCLI_CONFIG",
        is_eager=True,
        expose_value=False,
        callback=apply,
        help="Take options that are not given here from this YAML file.",
    )


def user_config() -> Path:
    """Where a user's own defaults lie: ~/.config/llmcli/config.yaml on Linux."""
    return Path(click.get_app_dir("llmcli")) / "config.yaml"


def _read(root: click.Group, path: Path) -> Defaults:
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no settings: write lines like `device: cpu`")
    known = {name: _parameters(command) for name, command in root.commands.items()}
    shared = {key: value for key, value in values.items() if key not in known}
    for key in shared:
        if not any(_name(key) in names for names in known.values()):
            raise InputError(f"{path}: no command has an option {key!r}")
    defaults: Defaults = {}
    for command, names in known.items():
        section = values.get(command) or {}
        if not isinstance(section, dict):
            raise InputError(f"{path}: {command} is to hold settings, not {section!r}")
        unknown = [key for key in section if _name(key) not in names]
        if unknown:
            raise InputError(f"{path}: {command} has no option {unknown[0]!r}")
        settings = {**shared, **section}
        defaults[command] = {
            names[_name(key)]: value for key, value in settings.items() if _name(key) in names
        }
    return defaults


def _parameters(command: click.Command) -> dict[str, str]:
    """Map how an option may be written, without dashes, to its parameter's name."""
    names = {}
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.name is not None:
            for spelling in parameter.opts:
                names[_name(spelling.lstrip("-"))] = parameter.name
    return names


def _name(key: Any) -> str:
    return str(key).replace("_", "-")
