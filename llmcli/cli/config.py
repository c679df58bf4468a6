"""Defaults from files: the user's own, then the one that --config names."""

from pathlib import Path
from typing import Any

import click

from llmcli.errors import InputError

Defaults = dict[str, Any]


def config_defaults(root: click.Group, named: str | None) -> Defaults:
    """Click's default_map: what the files say for each command.

    A file is YAML. Keys at its top are options of any command; below a command's name they are
    for that command alone. Raises InputError for a key that no command has.
    """
    defaults: Defaults = {}
    own = user_config()
    paths = [own] if own.is_file() else []
    if named is not None:
        paths.append(Path(named))
    for path in paths:
        _merge(defaults, _read(root, path))
    return defaults


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
    commands = {name: command for name, command in root.commands.items()}
    sections = {key: value for key, value in values.items() if key in commands}
    shared = {key: value for key, value in values.items() if key not in commands}
    known = {name: _parameters(command) for name, command in commands.items()}
    for key in shared:
        if not any(_name(key) in names for names in known.values()):
            raise InputError(f"{path}: no command has an option {key!r}")
    defaults: Defaults = {}
    for command, names in known.items():
        section = sections.get(command) or {}
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


def _merge(into: Defaults, new: Defaults) -> None:
    for command, settings in new.items():
        into.setdefault(command, {}).update(settings)
