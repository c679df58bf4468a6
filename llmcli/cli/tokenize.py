"""llmcli tokenize: the tokens of a text."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import is_terminal, rows_of
from llmcli.cli.options import input_options, model_options, output_options
from llmcli.cli.output import Output, Record, quoted, show_table
from llmcli.cli.running import Tally, announce_default, record_of
from llmcli.core.data import Row
from llmcli.spec import InputSpec, ModelSpec

if TYPE_CHECKING:
    from llmcli.core.vocabulary import Vocabulary
    from llmcli.tasks.tokenize import Tokenized

COLOURS = ("cyan", "yellow", "green", "magenta")


@click.command()
@input_options
@model_options(runs=False)
@click.option("--ids", "view", flag_value="ids", help="Print the token ids alone, a text a line.")
@click.option(
    "--count",
    "view",
    flag_value="count",
    help="Print the number of tokens alone; a file's lines are counted one by one.",
)
@click.option("--decode", "view", flag_value="decode", help="TEXT is ids; print what they spell.")
@click.option(
    "--special/--no-special",
    default=True,
    help="Add the tokens that the model expects around a text, such as BERT's [CLS].",
)
@output_options
def tokenize(
    source: InputSpec, spec: ModelSpec, view: str | None, special: bool, out: Output
) -> None:
    """Show the tokens that a model makes of TEXT.

    Each token with its id and its place in the text, in characters. A token that holds only
    some bytes of a character is shown as those bytes: <E7 9C>.

    \b
      llmcli tokenize "我明天要去看电影。"
      llmcli tokenize -m bert-base-uncased "unbelievable" --json
      llmcli tokenize --count < book.txt
      llmcli tokenize "Once upon a time" --ids -q | llmcli tokenize --decode
    """
    if view == "decode" and not source.texts and source.input is None and not is_terminal():
        source = replace(source, input="-")  # what --ids wrote: a text a line
    rows = rows_of(source)
    from llmcli.core.vocabulary import load_vocabulary

    announce_default(spec, out)
    vocabulary = load_vocabulary(spec)
    if view == "count":
        _count(vocabulary, rows, special, out)
        return
    tally = Tally(is_file=source.input is not None)
    if view == "decode":
        _decode(vocabulary, _joined(rows) if source.input is None else rows, tally, out)
    else:
        _tokens(vocabulary, rows, special, view == "ids", tally, out)
    tally.check()


def _tokens(
    vocabulary: "Vocabulary",
    rows: Iterator[Row],
    special: bool,
    ids: bool,
    tally: Tally,
    out: Output,
) -> None:
    from llmcli.tasks.tokenize import tokenize as run

    results = run(vocabulary, rows, special=special)
    if out.is_for_reading and not ids:
        for result in tally.successes(results, lambda error: out.note(str(error))):
            _show(result, out)
        return
    with out.records(_ids_line if ids else _pieces_line) as writer:
        for result in tally.successes(results, writer.write):
            writer.write(record_of(result))


def _ids_line(record: Record) -> str:
    return " ".join(str(token["id"]) for token in record["tokens"])


def _pieces_line(record: Record) -> str:
    return " ".join(str(token["token"]).strip() for token in record["tokens"])


def _show(result: "Tokenized", out: Output) -> None:
    if sys.stdout.isatty():
        coloured = (
            click.style(token.token, fg=COLOURS[at % len(COLOURS)], underline=True)
            for at, token in enumerate(result.tokens)
        )
        out.line("".join(coloured))
    rows = [
        [
            str(at),
            str(token.id),
            quoted(token.token),
            "" if token.start is None else f"{token.start}-{token.end}",
        ]
        for at, token in enumerate(result.tokens)
    ]
    show_table(["position", "id", "token", "characters"], rows, right=frozenset({"position", "id"}))
    out.line(f"{result.count} tokens, {len(result.text)} characters")


def _count(vocabulary: "Vocabulary", rows: Iterator[Row], special: bool, out: Output) -> None:
    from llmcli.tasks.tokenize import count

    total = asdict(count(vocabulary, rows, special=special))
    with out.records(lambda record: str(record["tokens"])) as writer:
        writer.write(total)


def _decode(vocabulary: "Vocabulary", rows: Iterator[Row], tally: Tally, out: Output) -> None:
    from llmcli.tasks.tokenize import detokenize

    with out.records(lambda record: str(record["text"])) as writer:
        for result in tally.successes(detokenize(vocabulary, rows), writer.write):
            writer.write(record_of(result))


def _joined(rows: Iterator[Row]) -> Iterator[Row]:
    """Words on the command line, each an id, are one text together."""
    yield Row(1, " ".join(row.text for row in rows))
