"""Options of commands that show one result, or write it to a page, a picture or a data file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from llmcli.cli.options.gather import Command, Option, add_options
from llmcli.cli.output import Output
from llmcli.cli.output_path import is_stream, require_writable
from llmcli.cli.types import OUTPUT_PATH
from llmcli.errors import InputError
from llmcli.spec import OutputOptions


@dataclass(frozen=True, slots=True)
class Export:
    """Where a result goes."""

    out: Output
    """The terminal, or JSON on stdout."""
    path: Path | None
    """A file of one of the endings that the command writes; None: the terminal."""


def export_options(endings: Sequence[str], help: str) -> Option:
    """Add -o, --json, -q and -v, and pass them on as `export`.

    endings: of the files that -o may name, such as .html.
    """
    options: list[Option] = [
        click.option("-o", "--output", type=OUTPUT_PATH, metavar="FILE", help=help),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
        click.option("-q", "--quiet", is_flag=True, help="Print only results."),
        click.option("-v", "--verbose", is_flag=True, help="Report what was chosen, and why."),
    ]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_export(*args: Any, **values: Any) -> None:
            output, as_json = values.pop("output"), values.pop("as_json")
            quiet, verbose = values.pop("quiet"), values.pop("verbose")
            if output is not None and as_json:
                raise click.UsageError("--json prints to stdout: leave out --output, or --json")
            path = None if output is None else _checked(Path(output), endings)
            form: Any = "json" if as_json else "text"
            out = Output(OutputOptions(form, quiet=quiet, verbose=verbose), ("text", "json"))
            command(*args, export=Export(out, path), **values)

        return add_options(with_export, options)

    return decorate


def _checked(path: Path, endings: Sequence[str]) -> Path:
    """The path of an output, before any work. Raises click.UsageError, InputError."""
    if path.suffix.lower() not in endings:
        raise click.UsageError(f"--output {path}: name it {' '.join(f'*{end}' for end in endings)}")
    require_writable(path, "text")
    if is_stream(path):
        raise InputError(f"cannot write {path}: it is not a regular file")
    return path
