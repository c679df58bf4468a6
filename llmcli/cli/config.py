"""Defaults from YAML files: the user's config file, and the one that --config names.

Keys at the top level of a file are options of any command; keys below a command's name are for
that command only. A key that no command has is an error.
"""

import os
from pathlib import Path
from typing import Any

import click

from llmcli.cli.run_record import COMMAND, is_run_record, settings_of_record
from llmcli.errors import InputError

Defaults = dict[str, Any]
CONFIG = "llmcli.config"  # in a context's meta: path of the file that --config names


def user_defaults(root: click.Group) -> Defaults:
    """Click's default_map for all commands, from the user's config file if it exists."""
    path = user_config()
    return _read(root, path) if os.path.lexists(path) else {}


def config_option(root: click.Group) -> click.Option:
    """The option --config of one command; its file overrides the user's config file."""

    def apply(ctx: click.Context, option: click.Parameter, path: str | None) -> None:
        if path is not None:
            ctx.meta[CONFIG] = path
            defaults = _read(root, Path(path), ctx.info_name).get(str(ctx.info_name), {})
            ctx.default_map = {**(ctx.default_map or {}), **defaults}

    return click.Option(
        ["--config"],
        metavar="FILE",
        envvar="LLMCLI_CONFIG",
        is_eager=True,
        expose_value=False,
        callback=apply,
        help="YAML file with options, or the training.json of a run; those on the command line "
        "override it.",
    )


def user_config() -> Path:
    """Path of the user's config file: ~/.config/llmcli/config.yaml on Linux."""
    return Path(click.get_app_dir("llmcli")) / "config.yaml"


def _read(root: click.Group, path: Path, command: str | None = None) -> Defaults:
    """Click's default_map from a file. command: the one that runs, for the record of a run."""
    values = _contents(path)
    if values is None:
        return {}
    if is_run_record(values):
        return _recorded(root, values, path, command)
    if not isinstance(values, dict):
        raise InputError(f"{path} contains no settings: write lines like `device: cpu`")
    return _defaults(root, {}, values, path)


def _contents(path: Path) -> Any:
    from llmcli.system.metadata import Metadata

    file = Metadata(path)
    if path.suffix == ".json":  # YAML would read 1e-05 as a text
        return file.json()
    return file.yaml()


def _recorded(root: click.Group, values: Defaults, path: Path, command: str | None) -> Defaults:
    """The default_map of the run whose record a file is."""
    if command != COMMAND:
        raise InputError(
            f"{path} is the record of a run: llmcli {COMMAND} --config {path} replays it"
        )
    settings = settings_of_record(values, path)
    options = {
        str(option.name): option
        for option in all_commands(root)[COMMAND].params
        if isinstance(option, click.Option)
    }
    unknown = [name for name in settings if name not in options]
    if unknown:
        raise InputError(
            f"{path}: {COMMAND} has no option {unknown[0]!r}: another release wrote it"
        )
    given = {name: _value(options[name], name, value, path) for name, value in settings.items()}
    return {COMMAND: given}


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
    from llmcli.cli.types import CommaList, LabelMap

    if isinstance(option.type, (CommaList, LabelMap)) and isinstance(value, dict):
        value = [f"{name}={each}" for name, each in value.items()]
        value = value if option.multiple else ",".join(value)
    if option.multiple:
        values = value if isinstance(value, list) else [value]
        texts = [_scalar(option, key, each, where) for each in values]
        # The items of a list stand by themselves: a comma in one is part of it.
        is_list = isinstance(option.type, CommaList) and isinstance(value, list)
        return [tuple(texts)] if is_list and texts else texts
    return _scalar(option, key, value, where)


def _scalar(option: click.Option, key: Any, value: Any, where: Path) -> Any:
    """One value; as text, if the option takes a text. Raises InputError for a list or a mapping."""
    from llmcli.cli.types import Text

    if isinstance(value, (dict, list)):
        raise InputError(f"{where}: {key} must be one value, not {value!r}")
    is_text = isinstance(option.type, (Text, type(click.STRING)))
    if isinstance(value, bool) and not option.is_flag and is_text:
        raise InputError(f"{where}: {key} is {value}: put quotes around the word, as in 'no'")
    return str(value) if is_text and value is not None else value


def _name(key: Any) -> str:
    return str(key).replace("_", "-")
