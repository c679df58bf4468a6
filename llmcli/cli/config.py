"""Defaults from YAML files: the user's config file, and the one that --config names.

Keys at the top level of a file are options of any command; keys below a command's name are for
that command only. A key that no command has is an error.
"""

from pathlib import Path
from typing import Any

import click

from llmcli.cli.kept_inputs import CONFIG
from llmcli.errors import InputError

Defaults = dict[str, Any]


def user_defaults(root: click.Group) -> Defaults:
    """Click's default_map for all commands, from the user's config file if it exists."""
    path = user_config()
    return _read(root, path) if path.is_file() else {}


def config_option(root: click.Group) -> click.Option:
    """The option --config of one command; its file overrides the user's config file."""

    def apply(ctx: click.Context, option: click.Parameter, path: str | None) -> None:
        if path is not None:
            ctx.meta[CONFIG] = path
            defaults = _read(root, Path(path)).get(str(ctx.info_name), {})
            ctx.default_map = {**(ctx.default_map or {}), **defaults}

    return click.Option(
        ["--config"],
        metavar="FILE",
        envvar="LLMCLI_CONFIG",
        is_eager=True,
        expose_value=False,
        callback=apply,
        help="YAML file with options; those on the command line override it.",
    )


def user_config() -> Path:
    """Path of the user's config file: ~/.config/llmcli/config.yaml on Linux."""
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
        raise InputError(f"{path} contains no settings: write lines like `device: cpu`")
    return _defaults(root, {}, values, path)


def _defaults(command: click.Command, shared: Defaults, own: Defaults, where: Path) -> Defaults:
    """The part of the default_map for one command. shared: keys from higher levels of the file."""
    if isinstance(command, click.Group):
        return _group_defaults(command, shared, own, where)
    options = _options(command)
    unknown = [key for key in own if _name(key) not in options]
    if unknown:
        raise InputError(f"{where}: {command.name} has no option {unknown[0]!r}")
    return {
        str(options[_name(key)].name): _value(options[_name(key)], key, value, where)
        for key, value in {**shared, **own}.items()
        if _name(key) in options
    }


def _group_defaults(group: click.Group, shared: Defaults, own: Defaults, where: Path) -> Defaults:
    commands = all_commands(group)
    for_all = {key: value for key, value in own.items() if key not in commands}
    for key in for_all:
        if _name(key) not in _options(group):
            raise InputError(f"{where}: no command has an option {key!r}")
    defaults = {}
    for name, command in commands.items():
        section = own.get(name)
        if section is not None and not isinstance(section, dict):
            raise InputError(f"{where}: {name} must contain settings, not {section!r}")
        defaults[name] = _defaults(command, {**shared, **for_all}, section or {}, where)
    return defaults


def all_commands(group: click.Group) -> dict[str, click.Command]:
    """The commands of a group by name; this imports those that were not imported yet."""
    ctx = click.Context(group)
    commands = {name: group.get_command(ctx, name) for name in group.list_commands(ctx)}
    return {name: command for name, command in commands.items() if command is not None}


def _options(command: click.Command) -> dict[str, click.Option]:
    """Options by each of their spellings, without dashes; for a group, those of its commands."""
    if isinstance(command, click.Group):
        parts = (_options(child) for child in all_commands(command).values())
        return {name: option for part in parts for name, option in part.items()}
    return {
        _name(spelling.lstrip("-")): option
        for option in command.params
        if isinstance(option, click.Option) and (option.is_bool_flag or not option.is_flag)
        for spelling in option.opts
    }


def _value(option: click.Option, key: Any, value: Any, where: Path) -> Any:
    if option.multiple and not isinstance(value, (list, dict)):
        return [value]
    if isinstance(value, dict) or (isinstance(value, list) and not option.multiple):
        raise InputError(f"{where}: {key} must be one value, not {value!r}")
    return value


def _name(key: Any) -> str:
    return str(key).replace("_", "-")
