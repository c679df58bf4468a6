"""Options of a trace: whether the steps of decoding are shown, and where."""

from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Literal

import click

from llmcli.cli.options.gather import Command, Option, add_options
from llmcli.cli.types import OUTPUT_PATH
from llmcli.spec import Decoding

SHOWN = 5


@dataclass(frozen=True, slots=True)
class TraceView:
    """Where a trace is shown, and in which language."""

    html: str | None
    """The file of its page."""
    language: Literal["en", "zh"] | None
    """None: that of the text if it is Chinese, else the locale's."""


_OPTIONS: list[Option] = [
    click.option(
        "--trace",
        is_flag=True,
        help="Show how each token was chosen: the likeliest candidates, their probabilities "
        "after each setting, and which setting removed them; with beams, the tree.",
    ),
    click.option(
        "--trace-top",
        type=click.IntRange(min=1),
        metavar="N",
        help=f"Show N candidates of each step; implies --trace.  [default: {SHOWN}]",
    ),
    click.option(
        "--html", type=OUTPUT_PATH, metavar="FILE", help="With --trace: write a page, too."
    ),
    click.option(
        "--lang",
        type=click.Choice(("en", "zh")),
        help="Language of --trace.  [default: the text's if it is Chinese, else the locale's]",
    ),
]


def trace_options(command: Command) -> Command:
    """Add --trace, --trace-top, --html and --lang; decoding_options stands above this."""

    @wraps(command)
    def with_trace(
        *args: Any,
        decoding: Decoding,
        trace_top: int | None,
        html: str | None,
        lang: Any,
        **rest: Any,
    ) -> None:
        is_on = decoding.trace or trace_top
        for flag, value in (("--html", html), ("--lang", lang)):
            if value is not None and not is_on:
                raise click.UsageError(f"{flag} is for --trace: add it")
        decoding = replace(decoding, trace=(trace_top or SHOWN) if is_on else 0)
        command(*args, decoding=decoding, view=TraceView(html, lang), **rest)

    return add_options(with_trace, _OPTIONS)
