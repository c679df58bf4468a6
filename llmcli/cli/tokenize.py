"""llmcli tokenize: the tokens of a text."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from llmcli.cli.inputs import is_terminal, rows_of
from llmcli.cli.options import input_options, model_options, output_options
from llmcli.cli.output import Output, quoted
from llmcli.cli.running import announce_default, write_results
from llmcli.cli.tables import show_table
from llmcli.data.records import Record
from llmcli.data.rows import Row
from llmcli.spec import BatchOptions, InputOptions, ModelSpec

if TYPE_CHECKING:
    from llmcli.tasks.tokenize import Tokenized
    from llmcli.tokenization.vocabulary import Vocabulary

COLOURS = ("cyan", "yellow", "green", "magenta")


@click.command()
@input_options()
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
@output_options()
def tokenize(
    source: InputOptions, model: ModelSpec, view: str | None, special: bool, out: Output
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
    from llmcli.tasks.tokenize import load_vocabulary

    announce_default(model, out)
    vocabulary = load_vocabulary(model)
    if view == "count":
        _count(vocabulary, rows, special, out)
        return
    from llmcli.tasks.tokenize import detokenize
    from llmcli.tasks.tokenize import tokenize as run

    if view == "decode":
        ids = _joined(rows) if source.input is None else rows
        _write(detokenize(vocabulary, ids), source, out, as_text=_text_line)
        return
    results = run(vocabulary, rows, special=special)
    if view == "ids":
        _write(results, source, out, as_text=_ids_line)
    else:
        _write(results, source, out, as_text=_pieces_line, show=_show)


def _write(results: Iterable[Any], source: InputOptions, out: Output, **how: Any) -> None:
    write_results(lambda batch, watch: watch(results), source, out, BatchOptions(), **how)


def _text_line(record: Record) -> str:
    return str(record["text"])


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

    total = count(vocabulary, rows, special=special).to_dict()
    with out.records(lambda record: str(record["tokens"])) as writer:
        writer.write(total)


def _joined(rows: Iterator[Row]) -> Iterator[Row]:
    """Words on the command line, each an id, are one text together."""
    yield Row(1, " ".join(row.text for row in rows))
