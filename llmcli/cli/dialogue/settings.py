"""What /set changes: the options of `chat` that say how an answer is written."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from llmcli.errors import UsageError, listed
from llmcli.spec import Decoding

NAMES = (
    *("max_new_tokens", "temperature", "top_k", "top_p", "min_p"),
    *("repetition_penalty", "no_repeat_ngram_size", "stop", "seed"),
)
OFF = ("off", "none", "default")


def shown(options: Decoding) -> Iterator[str]:
    """One line a setting, those that were not made as `default`."""
    width = max(map(len, NAMES))
    for name in NAMES:
        value = getattr(options, name)
        if isinstance(value, tuple):
            value = ", ".join(map(repr, value)) or None
        yield f"{name:<{width}}  {'default' if value is None else value}"


def changed(options: Decoding, name: str, value: str) -> Decoding:
    """The settings with another value for one of them, as its flag would read it.

    value: `off` takes the setting back. Raises UsageError.
    """
    field = name.lstrip("-").replace("-", "_").lower()
    if field not in NAMES:
        raise UsageError(f"no such setting: {name}; there are {listed(NAMES)}")
    if value.lower() in OFF:
        default: dict[str, Any] = {field: () if field == "stop" else None}
        return replace(options, **default)
    context = click.get_current_context()
    option = next(param for param in context.command.params if param.name == field)
    try:
        read: Any = option.type.convert(value, option, context)
    except click.BadParameter as error:
        raise UsageError(f"{field}: {error.message}") from None
    change: dict[str, Any] = {field: (read,) if field == "stop" else read}
    return replace(options, **change)
