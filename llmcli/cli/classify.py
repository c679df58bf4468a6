"""llmcli classify: the label of a text, or of each row of a file."""

from typing import TYPE_CHECKING

import click

from llmcli.cli.command import Command
from llmcli.cli.options.gather import gather
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import ENCODER, model_options
from llmcli.cli.options.rows import row_options
from llmcli.cli.output import Output
from llmcli.cli.plain_tables import probability
from llmcli.cli.row_command import RowCommand
from llmcli.cli.types import POSITIVE, TEXT, comma_list
from llmcli.cli.write_results import Display
from llmcli.data.records import Record
from llmcli.spec.tasks import ClassifyOptions

if TYPE_CHECKING:
    from llmcli.inference.classification import Classification

classify_options = gather(
    ClassifyOptions,
    "options",
    [
        comma_list(
            "--labels",
            metavar="A,B,..",
            help="Zero-shot: choose among these labels, with an entailment (NLI) or a causal "
            "model.",
        ),
        click.option(
            "--hypothesis-template",
            default="This example is {}.",
            show_default=True,
            metavar="TEXT",
            type=TEXT,
            help="With --labels: the sentence that the model judges; {} is the label.",
        ),
        click.option(
            "--multi-label",
            is_flag=True,
            help="Score each label independently (sigmoid), not against the others (softmax).",
        ),
        click.option("--top", type=POSITIVE, metavar="N", help="Show only the N best labels."),
    ],
)


@click.command(cls=Command)
@input_options(pairs=True)
@click.option(
    "--text-pair", type=TEXT, metavar="TEXT", help="The second text, for models of text pairs."
)
@model_options(ENCODER)
@classify_options
@row_options("window")
def classify(command: RowCommand, text_pair: str | None, options: ClassifyOptions) -> None:
    """Classify TEXT: each label with its probability.

    Any sequence-classification checkpoint works; its configuration says whether the scores are
    softmax or sigmoid. With --labels, which may be any words, no training is needed. If a text is
    too long for the model, it is read in windows, and their scores are averaged. Of a regression,
    the score is the number that it computes.

    \b
      llmcli classify "What a wonderful film!"
      llmcli classify -i reviews.csv --column review -o labels.csv
      llmcli classify "The pitch was wet" --labels sport,politics,cooking
      llmcli classify -m gpt2 "I loved it" --labels good,bad --hypothesis-template "It was {}."
    """
    if options.labels and (text_pair is not None or len(command.source.columns) > 1):
        raise click.UsageError("--labels judges one text: leave out the second one")
    if command.show_code:
        text = command.only_text()
        from llmcli.tasks.show_code.classify import classify_code

        command.write_code(classify_code(command.model, options, text, text_pair))
        return
    if command.source.input is not None and text_pair is not None:
        raise click.UsageError("--text-pair goes with TEXT; for a file, give --column twice")
    rows = command.rows(text_pair)
    from llmcli.tasks.classify import classify, computes_numbers, load

    loaded = command.load(load, options)
    show = _show_number if computes_numbers(loaded) else _show
    display = Display(
        as_text=_number_line
        if computes_numbers(loaded)
        else lambda record: _line(record, 1 if options.top is None else options.top),
        show=show if command.shows_results else None,
    )
    command.run(classify, loaded, rows, options, display)


def _number_line(record: Record) -> str:
    """The number that a regression computes; of several, each with its name."""
    scores = record["scores"]
    if len(scores) == 1:
        return f"{scores[0]['score']:.4f}"
    return "\t".join(f"{output['label']}\t{output['score']:.4f}" for output in scores)


def _show_number(result: "Classification", out: Output) -> None:
    """What a regression computes, without the bars of probabilities."""
    out.line(_number_line(result.to_dict()))


def _line(record: Record, count: int) -> str:
    """The best labels, each with its score, separated by tabs."""
    best = record["scores"][:count]
    return "\t".join(f"{label['label']}\t{probability(label['score'])}" for label in best)


def _show(result: "Classification", out: Output) -> None:
    """Each label with its score and a bar."""
    if result.row.number > 1:
        out.line()
    out.bars([(label.label, label.score) for label in result.scores])
