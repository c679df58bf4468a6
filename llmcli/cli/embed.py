"""llmcli embed: texts as vectors, and the texts most similar to a query."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from llmcli.cli.command import Command
from llmcli.cli.options.gather import gather, is_given
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import ENCODER, model_options
from llmcli.cli.options.rows import row_options
from llmcli.cli.row_command import RowCommand
from llmcli.cli.types import INPUT_PATH, POSITIVE, TEXT
from llmcli.cli.write_results import Display
from llmcli.data.formats import FILE_FORMATS, suffix_of
from llmcli.data.readers import read_rows
from llmcli.data.records import Record
from llmcli.errors import InputError, UsageError
from llmcli.spec import FORMATS
from llmcli.spec.tasks import POOLING_MODES, EmbedOptions

if TYPE_CHECKING:
    from llmcli.data.rows import Row
    from llmcli.data.vectors import VectorFile

embed_options = gather(
    EmbedOptions,
    "options",
    [
        click.option(
            "--pooling",
            type=click.Choice(POOLING_MODES),
            help="How token vectors become one vector.  [default: the checkpoint's own, else mean]",
        ),
        click.option(
            "--normalize/--no-normalize",
            default=None,
            help="Scale each vector to length 1.  [default: the checkpoint's own, else not]",
        ),
        click.option(
            "--prompt",
            type=TEXT,
            metavar="TEXT",
            help="Put TEXT before each text.  [default: the checkpoint's own, if it has one]",
        ),
    ],
)


@click.command(cls=Command)
@input_options()
@model_options(ENCODER)
@embed_options
@click.option(
    "--query",
    type=TEXT,
    multiple=True,
    metavar="TEXT",
    help="Rank the texts by similarity to this one; repeat it for several. FILE may be vectors "
    "that embed wrote (.npy or .parquet).",
)
@click.option(
    "--query-file",
    type=INPUT_PATH,
    metavar="FILE",
    help="Read queries from a file: a line each, or the field `query` of each row.",
)
@click.option(
    "--top",
    type=POSITIVE,
    default=10,
    show_default=True,
    metavar="N",
    help="With --query: show the N most similar texts.",
)
@row_options("window", forms=(*FORMATS, "npy"))
def embed(
    command: RowCommand,
    options: EmbedOptions,
    query: tuple[str, ...],
    query_file: str | None,
    top: int,
) -> None:
    """Turn texts into vectors, or rank them by similarity.

    Texts with similar meanings have similar vectors. The checkpoint says how token vectors are
    pooled, if it has a modules.json as sentence-transformers writes it; otherwise their mean is
    taken. With --query, the most similar texts come first, with their similarity. Vectors that
    were written to a .npy or .parquet file are searched without embedding the texts again.

    \b
      llmcli embed "How do I reset my password?"
      llmcli embed -i faq.csv --column question -o faq.npy
      llmcli embed -i faq.csv --column question --query "I forgot my login" --top 3
      llmcli embed -i faq.npy --query "I forgot my login" --query "Where are you?"
    """
    if command.show_code:
        text = command.only_text()
        from llmcli.tasks.show_code.embed import embed_code

        command.write_code(embed_code(command.model, options, text))
        return
    queries = _all_queries(command, query, query_file)
    if queries:
        if command.out.resume or command.out.format == "npy":
            raise UsageError("--query ranks the texts at the end: leave out --resume and .npy")
        _search(command, options, queries, top)
        return
    if is_given("top"):
        raise UsageError("--top goes with --query")
    _embed(command, options)


def _embed(command: RowCommand, options: EmbedOptions) -> None:
    """Write the vector of each text."""
    rows = command.rows()
    from llmcli.tasks.embed import describe_pooling, describe_vectors, embed, load

    loaded = command.load(load, options)
    command.out.detail(describe_pooling(loaded, options))
    if command.out.format in FILE_FORMATS:
        command.out.about = describe_vectors(loaded, options)
    display = Display(lambda record: " ".join(map(str, record["embedding"])))
    command.run(embed, loaded, rows, options, display)


def _all_queries(
    command: RowCommand, queries: tuple[str, ...], path: str | None
) -> tuple[str, ...]:
    """The queries of the command line, then those of a file."""
    if path is not None:
        if path == "-" == command.source.input:
            raise UsageError("stdin can hold the texts or the queries, not both")
        rows = read_rows(path, "query")
        queries += tuple(row.text for row in map(_require_usable, rows))
        if not queries:
            raise InputError(f"{path} holds no query")
    return queries


def _require_usable(row: "Row") -> "Row":
    if row.error is not None:
        raise InputError(f"--query-file: {row.where}: {row.error}")
    return row


def _search(command: RowCommand, options: EmbedOptions, queries: tuple[str, ...], top: int) -> None:
    """Write the `top` texts whose vectors are most similar to those of each query."""
    path = command.source.input
    vectors = _vector_file(path) if path is not None and not command.source.texts else None
    rows = iter(()) if vectors is not None else command.rows()
    from llmcli.tasks import embed as task

    if vectors is not None:
        model, options = task.settings_of(vectors, command.model, options, command.out.note)
        command = replace(command, model=model)
    loaded = command.load(task.load, options)
    command.out.detail(task.describe_pooling(loaded, options))
    on_overflow = command.batch.on_overflow
    of_queries = task.embed_queries(loaded, queries, options, on_overflow, command.out.note)
    if vectors is not None:
        task.require_same_model(vectors, loaded, of_queries)
    ranking = task.new_ranking(loaded, queries, of_queries, top)
    with command.open_run(_display(len(queries) > 1)) as run:
        if vectors is not None:
            ranked = run.follow(task.rank_stored(vectors, ranking, command.source.limit))
        else:
            results = run.follow(task.embed(loaded, rows, options, run.batch))
            ranked = task.rank(results, ranking)
        for result in ranked:
            run.write(result)


def _vector_file(path: str) -> "VectorFile | None":
    """The file of vectors at a path; None for any other file."""
    if suffix_of(path) not in (".npy", ".parquet"):
        return None
    from llmcli.data.vectors import open_vectors

    return open_vectors(path)


def _display(has_several: bool) -> Display:
    """How ranked texts are shown; a text that is not known by its row."""

    def line(record: Record) -> str:
        text = f"row {record['row']}" if record["text"] is None else record["text"]
        query = f"{record['query']}\t" if has_several else ""
        return f"{query}{record['similarity']:.4f}\t{text}"

    return Display(line)
