"""How options become one object: the decorator that all groups of options are made with."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource

Command = Callable[..., None]
Option = Callable[[Command], Command]


def gather(kind: type[Any], name: str, options: Sequence[Option], **fixed: Any) -> Option:
    """Make a decorator that adds `options` and passes their values on as one `kind` object.

    kind: a dataclass; the options have the names of its fields. name: the command's parameter.
    fixed: values of fields without an option.
    """
    names = [field.name for field in fields(kind)]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_object(*args: Any, **values: Any) -> None:
            own = {key: values.pop(key) for key in names if key in values}
            command(*args, **values, **{name: kind(**own, **fixed)})

        return add_options(with_object, options)

    return decorate


def is_given(name: str) -> bool:
    """True if the command line itself has an option, not a variable or a file."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def add_options(command: Command, options: Sequence[Option]) -> Command:
    """Add options to a command, in the order in which --help lists them."""
    for option in reversed(options):
        command = option(command)
    return command
