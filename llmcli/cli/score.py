"""llmcli score: how surprising each token of a text is to a model, or to two."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from llmcli.cli.command import Command
from llmcli.cli.options.blocks import block_options
from llmcli.cli.options.gather import gather
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import model_options
from llmcli.cli.options.rows import row_options
from llmcli.cli.row_command import RowCommand
from llmcli.cli.score_files import ScoreFiles
from llmcli.cli.types import INPUT_PATH, OUTPUT_PATH, TEXT
from llmcli.cli.write_results import Display
from llmcli.data.records import Record
from llmcli.errors import RowsFailed, UsageError
from llmcli.spec.tasks import SURPRISAL_UNITS, ScoreOptions

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded

score_options = gather(
    ScoreOptions,
    "options",
    [
        click.option(
            "--unit",
            type=click.Choice(SURPRISAL_UNITS),
            default="nats",
            show_default=True,
            help="Unit of surprisal: nats, -ln p; or bits, -log2 p.",
        ),
        *block_options(),
        click.option("-f", "--from-lang", metavar="LANG", help="Translator: source language."),
        click.option("-t", "--to-lang", metavar="LANG", help="Translator: language of TEXT."),
    ],
)


@click.command(cls=Command)
@input_options(pairs=True)
@click.option(
    "--source",
    "pair",
    type=TEXT,
    metavar="TEXT",
    help="Encoder-decoder model: the source that TEXT is predicted from.",
)
@model_options()
@click.option(
    "--beside",
    type=INPUT_PATH,
    metavar="MODEL",
    help="Show a second model on the same TEXT, of any vocabulary.",
)
@score_options
@click.option(
    "--html", type=OUTPUT_PATH, metavar="FILE", help="Write a page with the texts in colours, too."
)
@click.option(
    "--png", type=OUTPUT_PATH, metavar="FILE", help="Write a picture of one TEXT in colours, too."
)
@row_options("window", choices=("window", "error"))
def score(
    command: RowCommand,
    pair: str | None,
    beside: str | None,
    options: ScoreOptions,
    html: str | None,
    png: str | None,
) -> None:
    """Show how surprising each token of TEXT is to a model, or to two.

    Surprisal is -log p of a token given those before it; the sums over words and sentences are
    shown too, and the perplexity of the whole. A text that is longer than the model's context is
    scored in blocks that overlap. A masked model (BERT) predicts each token, masked in turn, from
    all others: the pseudo-log-likelihood. An encoder-decoder model predicts TEXT from --source.
    --beside compares two models on the smallest spans at whose edges both have a boundary.

    \b
      llmcli score "Once upon a time there was a little dragon."
      llmcli score -m gpt2 "我明天要去看电影。" --unit bits
      llmcli score "The cat sat on the mat." -m gpt2 --beside HuggingFaceTB/SmolLM2-135M
      llmcli score -m t5-small --source "translate English to German: Hello." "Hallo."
      llmcli score -i stories.jsonl -o scores.jsonl --html scores.html
    """
    if command.source.input is not None and pair is not None:
        raise click.UsageError("--source goes with TEXT; for a file, give --column twice")
    if command.show_code:
        if beside is not None:
            raise click.UsageError("--show-code shows one model: leave out --beside")
        text = command.only_text()
        from llmcli.tasks.show_code.score import score_code

        command.write_code(score_code(command.model, options, text, pair))
        return
    files = ScoreFiles(html, png)
    files.require_whole_run(command)
    _score(command, pair, beside, options, files)


def _score(
    command: RowCommand,
    pair: str | None,
    beside: str | None,
    options: ScoreOptions,
    files: ScoreFiles,
) -> None:
    """Load the models, score the rows and write the results."""
    rows = command.rows(pair)
    from llmcli.cli.score_view import show_score
    from llmcli.tasks.score import load, require_pairs, score

    loaded = command.load(load)
    require_pairs(loaded, pair is not None or len(command.source.columns) > 1)
    other = _load_beside(command, beside)
    if other is not None:
        command = replace(command, context=str(other.identity()))
    files.open(loaded, other)
    show = show_score if command.shows_results else None
    try:
        with command.open_run(Display(_line, show, task=score), loaded) as run:
            for result in run.follow(score(loaded, rows, options, run.batch, other)):
                run.write(result)
                files.add(result)
    except RowsFailed:  # at the end of a run, whose other rows are shown
        files.write(command.out)
        raise
    files.write(command.out)


def _load_beside(command: RowCommand, name: str | None) -> "Loaded | None":
    """The second model, with the settings of the first one but its name and revision."""
    if name is None:
        return None
    if not name:
        raise UsageError("--beside is empty: name a model")
    from llmcli.tasks.score import load

    second = replace(command.model, model_id=name, revision=None)
    return replace(command, model=second).load(load)


def _line(record: Record) -> str:
    """Sum, mean and perplexity of a text; with a second model both sums and their difference."""
    beside = record.get("beside")
    if beside is not None:
        numbers = (record["surprisal"], beside["surprisal"], beside["difference"])
    else:
        perplexity = record["perplexity"]
        perplexity = record["pseudo_perplexity"] if perplexity is None else perplexity
        numbers = (record["surprisal"], record["mean_surprisal"], perplexity)
    return "\t".join(f"{number:.4f}" for number in numbers)
