"""llmcli embed: texts as vectors, and the texts most similar to a query."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from llmcli.cli.options.gather import gather
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import ENCODER, model_options
from llmcli.cli.options.rows import row_options
from llmcli.cli.row_command import RowCommand
from llmcli.cli.types import POSITIVE, TEXT
from llmcli.cli.write_results import Display
from llmcli.errors import UsageError
from llmcli.spec import FORMATS, BatchOptions
from llmcli.spec.tasks import POOLING_MODES, EmbedOptions

if TYPE_CHECKING:
    from llmcli.data.rows import Failure
    from llmcli.inference.embedding import Embedding, Vector
    from llmcli.spec.tasks import Similarity

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


@click.command()
@input_options()
@model_options(ENCODER)
@embed_options
@click.option(
    "--query", type=TEXT, metavar="TEXT", help="Rank the texts by similarity to this one."
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
def embed(command: RowCommand, options: EmbedOptions, query: str | None, top: int) -> None:
    """Turn texts into vectors, or rank them by similarity.

    Texts with similar meanings have similar vectors. The checkpoint says how token vectors are
    pooled, if it has a modules.json as sentence-transformers writes it; otherwise their mean is
    taken. With --query, the most similar texts come first, with their cosine similarity.

    \b
      llmcli embed "How do I reset my password?"
      llmcli embed -i faq.csv --column question -o faq.npy
      llmcli embed -i faq.csv --column question --query "I forgot my login" --top 3
    """
    if command.show_code:
        text = command.only_text()
        from llmcli.tasks.show_code.embed import embed_code

        command.write_code(embed_code(command.model, options, text))
        return
    if query is not None and (command.out.resume or command.out.format == "npy"):
        raise UsageError("--query ranks the texts at the end: leave out --resume and .npy")
    rows = command.rows()
    from llmcli.tasks.embed import describe_pooling, embed, embed_query, load, similarity_of

    loaded = command.load(load, options)
    command.out.detail(describe_pooling(loaded, options))
    if query is None:
        display = Display(lambda record: " ".join(map(str, record["embedding"])))
        command.run(embed, loaded, rows, options, display)
    else:
        vector = embed_query(loaded, query, options, command.batch.on_overflow)
        measure = similarity_of(loaded)
        _rank(command, lambda batch: embed(loaded, rows, options, batch), vector, top, measure)


def _rank(
    command: RowCommand,
    embed: "Callable[[BatchOptions], Iterator[Embedding | Failure]]",
    query: "Vector",
    top: int,
    measure: "Similarity",
) -> None:
    """Write the `top` texts whose vectors are most similar to the query's."""
    from llmcli.tasks.embed import rank

    display = Display(lambda record: f"{record['similarity']:.4f}\t{record['text']}")
    with command.open_run(display) as run:
        for ranked in rank(run.follow(embed(run.batch)), query, top, measure):
            run.write(ranked)
