"""llmcli embed: texts as vectors, and which are nearest to a query."""

from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import one_text, rows_of
from llmcli.cli.options import ENCODER, gather, input_options, model_options, task_options
from llmcli.cli.output import Output
from llmcli.cli.running import load_announced, write_code, write_results
from llmcli.cli.types import POSITIVE, TEXT
from llmcli.errors import UsageError
from llmcli.spec import FORMATS, BatchOptions, InputOptions, ModelSpec
from llmcli.spec.tasks import POOLING_MODES, EmbedOptions

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded


embed_options = gather(
    EmbedOptions,
    "options",
    [
        click.option(
            "--pooling",
            type=click.Choice(POOLING_MODES),
            help="How token states become one vector.  [default: the checkpoint's own, else mean]",
        ),
        click.option(
            "--normalize/--no-normalize",
            default=None,
            help="Make each vector of length 1.  [default: the checkpoint's own, else not]",
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
    help="With --query: the N nearest texts.",
)
@task_options("window", forms=(*FORMATS, "npy"))
def embed(
    source: InputOptions,
    model: ModelSpec,
    options: EmbedOptions,
    query: str | None,
    top: int,
    batch: BatchOptions,
    show_code: bool,
    out: Output,
) -> None:
    """Turn texts into vectors, or rank them by similarity.

    Texts that mean the same lie near one another. How the vectors are made is the
    checkpoint's own choice, where it has a modules.json as sentence-transformers writes it; else
    the mean over its tokens is taken. With --query, the nearest texts come first, with the
    cosine of the angle between the vectors.

    \b
      llmcli embed "How do I reset my password?"
      llmcli embed -i faq.csv --column question -o faq.npy
      llmcli embed -i faq.csv --column question --query "I forgot my login" --top 3
    """
    if show_code:
        text = one_text(source)
        from llmcli.tasks.show_code.embed import embed_code

        write_code(embed_code(model, options, text), out)
        return
    if query is not None and (out.resume or out.format == "npy"):
        raise UsageError("--query ranks the texts at the end: leave out --resume and .npy")
    rows = rows_of(source)
    from llmcli.tasks.embed import embed as run
    from llmcli.tasks.embed import embed_query, rank

    loaded = load_announced(model, out, source=source)
    _announce_pooling(loaded, options, out)
    if query is None:
        write_results(
            lambda batch, watch: watch(run(loaded, rows, options, batch)),
            source,
            out,
            batch,
            loaded=loaded,
            as_text=lambda record: " ".join(map(str, record["embedding"])),
        )
    else:
        wanted = embed_query(loaded, query, options, batch.on_overflow)
        write_results(
            lambda batch, watch: rank(watch(run(loaded, rows, options, batch)), wanted, top),
            source,
            out,
            batch,
            as_text=lambda record: f"{record['similarity']:.4f}\t{record['text']}",
        )


def _announce_pooling(loaded: "Loaded", options: EmbedOptions, out: Output) -> None:
    from llmcli.inference.embedding import pooling_of

    pooling = pooling_of(loaded, options)
    told = (
        f"pooling: {' and '.join(pooling.modes)}, {'' if pooling.normalize else 'not '}normalized"
    )
    if options.pooling is None and not pooling.is_own:
        out.note(f"[{told}: the model does not say which; --pooling does]")
    else:
        out.detail(told)
