"""llmcli tokenize: the tokens of a text."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from llmcli.cli.colours import PLAIN, Stretch, has_colours
from llmcli.cli.command import Command
from llmcli.cli.inputs import is_terminal
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import model_options
from llmcli.cli.options.output import output_options
from llmcli.cli.output import Output, quoted
from llmcli.cli.row_command import RowCommand
from llmcli.cli.tables import show_table
from llmcli.cli.write_results import Display
from llmcli.data.records import Record
from llmcli.data.rows import Row
from llmcli.spec import InputOptions, ModelSpec

if TYPE_CHECKING:
    from llmcli.tasks.tokenize import Tokenized

COLOURS = ("cyan", "yellow", "green", "magenta")


@click.command(cls=Command)
@input_options()
@model_options(runs=False)
@click.option("--ids", "view", flag_value="ids", help="Print only token ids, one text per line.")
@click.option(
    "--count",
    "view",
    flag_value="count",
    help="Print only the number of tokens; each line of a file is counted by itself.",
)
@click.option("--decode", "view", flag_value="decode", help="TEXT is token ids; print their text.")
@click.option(
    "--special/--no-special",
    default=True,
    help="Add the special tokens that the model expects around a text, such as [CLS] of BERT.",
)
@output_options(rows=True)
def tokenize(
    source: InputOptions, model: ModelSpec, view: str | None, special: bool, out: Output
) -> None:
    """Show the tokens of TEXT.

    Each token is shown with its id and its position in the text, in characters. A token that is
    only a part of a character is shown as its bytes: <E7 9C>.

    \b
      llmcli tokenize "我明天要去看电影。"
      llmcli tokenize -m bert-base-uncased "unbelievable" --json
      llmcli tokenize --count < book.txt
      llmcli tokenize "Once upon a time" --ids -q | llmcli tokenize --decode
    """
    if view == "decode" and not source.texts and source.input is None and not is_terminal():
        source = replace(source, input="-")  # what --ids wrote: a text a line
    command = RowCommand(source, model, out)
    rows = command.rows()
    from llmcli.tasks.tokenize import count, detokenize, load_vocabulary, tokenize

    vocabulary = load_vocabulary(model, out.note)
    if view == "count":
        with out.records(lambda record: str(record["tokens"])) as writer:
            writer.write(count(vocabulary, rows, special=special).to_dict())
        return
    ids = _joined(rows) if source.input is None else rows
    with command.open_run(DISPLAYS[view]) as run:
        decoded = detokenize(vocabulary, ids)
        tokenized = tokenize(vocabulary, rows, special=special)
        for result in run.follow(decoded if view == "decode" else tokenized):
            run.write(result)


def _text_line(record: Record) -> str:
    return str(record["text"])


def _ids_line(record: Record) -> str:
    return " ".join(str(token["id"]) for token in record["tokens"])


def _tokens_line(record: Record) -> str:
    return " ".join(str(token["token"]).strip() for token in record["tokens"])


def _show(result: "Tokenized", out: Output) -> None:
    if has_colours(sys.stdout):
        parts: list[Stretch] = [
            (token.token, {"fg": COLOURS[at % len(COLOURS)], "underline": True})
            for at, token in enumerate(result.tokens)
        ]
        out.styled([*parts, ("\n", PLAIN)])
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


def _joined(rows: Iterator[Row]) -> Iterator[Row]:
    """The ids that were given on the command line, a word each, as one text."""
    yield Row(1, " ".join(row.text for row in rows))


DISPLAYS = {
    None: Display(_tokens_line, _show),
    "ids": Display(_ids_line),
    "decode": Display(_text_line),
}
"""How results are shown, by the view that was chosen."""
