"""llmcli tokenize: the tokens of a text."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import rows_of
from llmcli.cli.options import input_options, model_options, output_options
from llmcli.cli.output import Output, Record, show_table
from llmcli.cli.running import announce_default
from llmcli.core.data import Row
from llmcli.errors import InputError
from llmcli.spec import InputSpec, ModelSpec

if TYPE_CHECKING:
    from llmcli.core.vocabulary import Vocabulary
    from llmcli.tasks.tokenize import Tokenized

COLOURS = ("cyan", "yellow", "green", "magenta")


@click.command()
@input_options
@model_options(device=False, dtype=False)
@click.option("--ids", "view", flag_value="ids", help="Print the token ids alone, a text a line.")
@click.option("--count", "view", flag_value="count", help="Print the number of tokens alone.")
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
      llmcli tokenize --count -i book.txt
      llmcli tokenize "Once upon a time" --ids -q | llmcli tokenize --decode
    """
    rows = rows_of(source)
    from llmcli.core.vocabulary import load_vocabulary

    announce_default(spec, out)
    vocabulary = load_vocabulary(spec)
    if view == "decode":
        _decode(vocabulary, rows, out)
    elif view == "count":
        _count(vocabulary, rows, special, out)
    else:
        _tokens(vocabulary, rows, special, view == "ids", out)


def _tokens(
    vocabulary: "Vocabulary", rows: Iterator[Row], special: bool, ids: bool, out: Output
) -> None:
    from llmcli.tasks.tokenize import tokenize as run

    shown_whole = not ids and out.format in ("text", "table") and out.path is None
    with out.records(_ids_line if ids else _pieces_line) as writer:
        for result in run(vocabulary, rows, special=special):
            if shown_whole:
                _show(result)
            else:
                writer.write(asdict(result))


def _ids_line(record: Record) -> str:
    return " ".join(str(token["id"]) for token in record["tokens"])


def _pieces_line(record: Record) -> str:
    return " ".join(str(token["token"]).strip() for token in record["tokens"])


def _show(result: "Tokenized") -> None:
    if sys.stdout.isatty():
        coloured = (
            click.style(token.token, fg=COLOURS[at % len(COLOURS)], underline=True)
            for at, token in enumerate(result.tokens)
        )
        click.echo("".join(coloured))
    rows = [
        [
            str(at),
            str(token.id),
            token.token if token.token.startswith("<") else f"'{token.token}'",
            "" if token.start is None else f"{token.start}-{token.end}",
        ]
        for at, token in enumerate(result.tokens)
    ]
    show_table(["position", "id", "token", "characters"], rows, right=frozenset({"position", "id"}))
    click.echo(f"{result.count} tokens, {len(result.text)} characters")


def _count(vocabulary: "Vocabulary", rows: Iterator[Row], special: bool, out: Output) -> None:
    from llmcli.tasks.tokenize import count

    total = asdict(count(vocabulary, rows, special=special))
    with out.records(lambda record: str(record["tokens"])) as writer:
        writer.write(total)


def _decode(vocabulary: "Vocabulary", rows: Iterator[Row], out: Output) -> None:
    """Ids stand one or several in a TEXT, with blanks or commas between; a row is one text."""
    texts = list(rows)
    lines = [row.text for row in texts]
    if all(len(_words(line)) == 1 for line in lines):
        lines = [" ".join(lines)]
    with out.records(lambda record: str(record["text"])) as writer:
        for line in lines:
            ids = [_id(word) for word in _words(line)]
            writer.write({"ids": ids, "text": vocabulary.decode(ids)})


def _words(line: str) -> list[str]:
    for mark in ",[]":
        line = line.replace(mark, " ")
    return line.split()


def _id(word: str) -> int:
    if not word.isdecimal():
        raise InputError(f"{word!r} is no token id: --decode takes numbers")
    return int(word)
