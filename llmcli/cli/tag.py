"""llmcli tag: named entities, parts of speech and other tags."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from llmcli.cli.colours import PLAIN, has_colours
from llmcli.cli.command import Command
from llmcli.cli.entity_marks import HtmlPage, coloured
from llmcli.cli.options.gather import gather
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import model_options
from llmcli.cli.options.rows import row_options
from llmcli.cli.output import Output
from llmcli.cli.plain_tables import plain_table
from llmcli.cli.row_command import RowCommand
from llmcli.cli.types import OUTPUT_PATH
from llmcli.cli.write_results import Display
from llmcli.data.records import Record
from llmcli.data.results import with_texts
from llmcli.errors import RowsFailed
from llmcli.spec.tasks import AGGREGATIONS, TagOptions

if TYPE_CHECKING:
    from llmcli.inference.tagging import Tagged

tag_options = gather(
    TagOptions,
    "options",
    [
        click.option(
            "--aggregation",
            type=click.Choice(AGGREGATIONS),
            default="word",
            show_default=True,
            help="word: a word has the tag of its first token. The others are the strategies of "
            "transformers' pipeline; none shows each token.",
        ),
        click.option(
            "--words",
            is_flag=True,
            help="The text is words already: a list, or with a space between any two. Each word "
            "gets a tag.",
        ),
    ],
)


@click.command(cls=Command)
@input_options()
@model_options("")
@tag_options
@click.option(
    "--html",
    type=OUTPUT_PATH,
    metavar="FILE",
    help="Write a page with the entities marked, too.",
)
@row_options("window")
def tag(command: RowCommand, options: TagOptions, html: str | None) -> None:
    """Tag TEXT: named entities, or whatever a token-classification model was trained on.

    Each entity has its label, its score and its position in characters. The tags may be BIO, BIOES,
    BILOU, BMES or bare. A long text is read in overlapping windows that cut no entity. There is no
    starter for this: take a model from the Hub, or train one.

    \b
      llmcli tag -m dslim/bert-base-NER "Emma Woodhouse lives in Highbury."
      llmcli tag -m my-tagger -i letters.txt -o entities.jsonl --html letters.html
      llmcli tag -m my-tagger -i dev.jsonl --column tokens --words -o tags.jsonl
      llmcli finetune --task token-classification -m bert-en --train ner.jsonl -o my-tagger
    """
    if html is not None and command.out.resume:
        raise click.UsageError("--html shows all rows of one run: leave out --resume")
    if command.show_code:
        text = command.only_text()
        from llmcli.tasks.show_code.tag import tag_code

        command.write_code(tag_code(command.model, options, text))
        return
    rows = command.rows()
    from llmcli.tasks.tag import load, tag

    display = Display(_line, _show if command.shows_results else None, task=tag)
    loaded = command.load(load)
    with _page(html) as add, command.open_run(display, loaded) as run:
        results = tag(loaded, rows, options, run.batch)
        for result in run.follow(add(result) for result in results):
            run.write(result)


@contextmanager
def _page(path: str | None) -> Iterator[Callable[[Any], Any]]:
    """A function that adds a result to the page of --html, and returns it."""
    if path is None:
        yield lambda result: result
        return
    page = HtmlPage(path)

    def add(result: Any) -> Any:
        page.add(with_texts(result.to_dict(), result))
        return result

    try:
        yield add
    except RowsFailed:  # at the end of a run, whose other rows are shown
        page.close()
        raise
    except BaseException:
        page.discard()
        raise
    page.close()


def _line(record: Record) -> str:
    """The tag of each word, if words were given; else the entities, separated by tabs."""
    if "predicted_tags" in record:
        return " ".join(record["predicted_tags"])
    return "\t".join(f"{_flat(part['text'])}/{part['label']}" for part in record["entities"])


def _flat(text: str) -> str:
    return " ".join(text.split())


def _show(result: "Tagged", out: Output) -> None:
    """The text, coloured on a terminal, and a table of its entities."""
    if result.row.number > 1:
        out.line()
    if has_colours(sys.stdout):
        out.styled([*coloured(result.text, result.entities), ("\n", PLAIN)])
    for note in result.notes:
        out.note(note)
    if result.predicted_tags is not None:
        out.line(" ".join(result.predicted_tags))
    if not result.entities:
        out.line("(no entities)")
        return
    rows = [
        [_flat(part.text), part.label, f"{part.score:.4f}", f"{part.start}-{part.end}"]
        for part in result.entities
    ]
    out.line(plain_table(["text", "label", "score", "characters"], rows, right={2}))
