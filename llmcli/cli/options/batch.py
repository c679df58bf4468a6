"""Options for running many texts: --batch-size and --on-overflow."""

from collections.abc import Sequence

import click

from llmcli.cli.options.gather import Option, gather
from llmcli.cli.types import BatchSize
from llmcli.spec import OVERFLOWS, BatchOptions, Overflow

batch_size_option = click.option(
    "--batch-size",
    type=BatchSize(),
    metavar="N",
    help="Run N texts together.  [default: auto, as many as fill a budget of tokens]",
)


def batch_options(default: Overflow, *, choices: Sequence[Overflow] = OVERFLOWS) -> Option:
    """Add --batch-size and --on-overflow, and pass them on as `batch`."""
    overflow_option = click.option(
        "--on-overflow",
        type=click.Choice(choices),
        default=default,
        show_default=True,
        help="What to do with a text that is too long for the model.",
    )
    return gather(BatchOptions, "batch", [batch_size_option, overflow_option])
