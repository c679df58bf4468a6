"""llmcli fill: words for the gaps of a text."""

from typing import TYPE_CHECKING

import click

from llmcli.cli.command import Command
from llmcli.cli.options.gather import gather
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import ENCODER, model_options
from llmcli.cli.options.rows import row_options
from llmcli.cli.output import Output
from llmcli.cli.row_command import RowCommand
from llmcli.cli.types import POSITIVE, comma_list
from llmcli.cli.write_results import Display
from llmcli.spec.tasks import FillOptions

if TYPE_CHECKING:
    from llmcli.inference.filling import Filled

fill_options = gather(
    FillOptions,
    "options",
    [
        click.option(
            "--top",
            type=POSITIVE,
            default=5,
            show_default=True,
            metavar="N",
            help="Show the N most likely words of each gap.",
        ),
        comma_list("--targets", metavar="A,B,..", help="Compare only these words."),
    ],
)


@click.command(cls=Command)
@input_options()
@model_options(ENCODER)
@fill_options
@row_options("window")
def fill(command: RowCommand, options: FillOptions) -> None:
    """Fill the gaps of a text with a masked language model.

    Write each gap as [MASK], whatever the model's own mask token is. The most likely words are
    shown for each gap, and the text with the words that fit best together: gaps are filled from
    left to right, each given those before it. If a text is too long for the model, only the part
    around the gaps is read.

    \b
      llmcli fill "Paris is the [MASK] of France."
      llmcli fill "The [MASK] sat on the [MASK]." --top 3
      llmcli fill "The nurse said that [MASK] was tired." --targets he,she
      llmcli fill -i gaps.jsonl --column sentence -o filled.jsonl
    """
    if command.show_code:
        text = command.only_text()
        from llmcli.tasks.show_code.fill import fill_code

        command.write_code(fill_code(command.model, options, text))
        return
    rows = command.rows()
    from llmcli.tasks.fill import fill, load

    display = Display(
        as_text=lambda record: str(record["filled"]), show=_show if command.shows_results else None
    )
    command.run(fill, command.load(load), rows, options, display)


def _show(result: "Filled", out: Output) -> None:
    """The filled text, then the words of each gap."""
    if result.row.number > 1:
        out.line()
    out.line(result.filled)
    for number, gap in enumerate(result.gaps, 1):
        if len(result.gaps) > 1:
            out.line(f"gap {number}")
        words = [(candidate.word, candidate.probability) for candidate in gap.candidates]
        out.bars(words, indent="  ")
