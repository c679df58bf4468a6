"""llmcli fill: the words for the gaps of a text."""

from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import one_text, rows_of
from llmcli.cli.options import ENCODER, gather, input_options, model_options, task_options
from llmcli.cli.output import Output
from llmcli.cli.running import load_announced, write_code, write_results
from llmcli.cli.types import POSITIVE, CommaList
from llmcli.spec import BatchOptions, InputOptions, ModelSpec
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
            help="The N likeliest words of each gap.",
        ),
        click.option(
            "--targets",
            metavar="A,B,..",
            type=CommaList(),
            default=(),
            help="Compare these words, instead of all that the model knows.",
        ),
    ],
)


@click.command()
@input_options()
@model_options(ENCODER)
@fill_options
@task_options("window")
def fill(
    source: InputOptions,
    model: ModelSpec,
    options: FillOptions,
    batch: BatchOptions,
    show_code: bool,
    out: Output,
) -> None:
    """Fill the gaps of a text with a masked language model.

    Gaps are written [MASK]. For each the likeliest words; and the words that are best together,
    filled from left to right, each given those before it. [MASK] stands for any model's own mask
    token. Of a text that is longer than the model takes, what is around the gaps is read.

    \b
      llmcli fill "Paris is the [MASK] of France."
      llmcli fill "The [MASK] sat on the [MASK]." --top 3
      llmcli fill "The nurse said that [MASK] was tired." --targets he,she
      llmcli fill -i gaps.jsonl --column sentence -o filled.jsonl
    """
    if show_code:
        text = one_text(source)
        from llmcli.tasks.show_code.fill import fill_code

        write_code(fill_code(model, options, text), out)
        return
    rows = rows_of(source)
    from llmcli.tasks.fill import fill as run

    loaded = load_announced(model, out, "masked", source=source)
    is_file = source.input is not None
    write_results(
        lambda batch, watch: watch(run(loaded, rows, options, batch)),
        source,
        out,
        batch,
        loaded=loaded,
        as_text=lambda record: str(record["filled"]),
        show=None if is_file or out.format != "text" else _show,
    )


def _show(result: "Filled", out: Output) -> None:
    """The filled text, then each gap's words."""
    if result.row.number > 1:
        out.line()
    out.line(result.filled)
    for number, gap in enumerate(result.gaps, 1):
        if len(result.gaps) > 1:
            out.line(f"gap {number}")
        out.bars([(one.word, one.probability) for one in gap.candidates], indent="  ")
