"""Options for texts of any length under a model with a limited context: --block-size, --stride."""

import click

from llmcli.cli.options.gather import Option
from llmcli.cli.types import POSITIVE


def block_options(beginning: str = "T") -> list[Option]:
    """The options of BlockOptions.

    beginning: of the first one's help, where the command measures other things too.
    """
    return [
        click.option(
            "--block-size",
            type=click.IntRange(min=2),
            metavar="N",
            help=f"{beginning}okens in one pass.  [default: the model's context, 1024 at most]",
        ),
        click.option(
            "--stride",
            type=POSITIVE,
            metavar="N",
            help="Tokens scored in one pass, with those before them as context.  [default: half]",
        ),
        click.option(
            "--bos/--no-bos",
            default=None,
            help="Score the first token too, after the model's beginning-of-text token.  "
            "[default: if it has one]",
        ),
    ]
