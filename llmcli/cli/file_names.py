"""Texts that are names of files: `llmcli classify reviews.csv` where -i was meant."""

from pathlib import Path
from typing import Any

import click

from llmcli.cli.command import LITERAL
from llmcli.data.formats import input_format
from llmcli.errors import InputError


def refuse_file(flag: str) -> Any:
    """A callback for texts on the command line. flag: the one that reads a file instead."""

    def check(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        for text in value if isinstance(value, tuple) else (value,):
            if text and not ctx.meta.get(LITERAL) and _is_readable(text) and _is_file(text):
                cure = "; after -- it is a text" if param.name == "texts" else ""
                raise click.UsageError(f"{text} is a file: {flag} {text} reads it{cure}", ctx)
        return value

    return check


def missing_files(texts: tuple[str, ...]) -> list[str]:
    """Those of the texts that look like names of data files, though there are no such files."""
    if click.get_current_context().meta.get(LITERAL):
        return []
    return [text for text in texts if not any(map(str.isspace, text)) and _is_readable(text)]


def _is_readable(text: str) -> bool:
    """True if a text is shaped like the path of a file that can be read."""
    if text == "-" or len(text) > 1000 or "\n" in text or not Path(text).stem:
        return False
    try:
        input_format(text)
    except InputError:
        return False
    return True


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False
