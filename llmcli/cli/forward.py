"""llmcli forward: one forward pass, position by position."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import one_text, rows_of
from llmcli.cli.options import (
    input_options,
    model_options,
    output_options,
    show_code_option,
)
from llmcli.cli.output import Output, quoted
from llmcli.cli.running import announce_default, announce_loaded, write_code, write_results
from llmcli.cli.tables import show_table
from llmcli.cli.types import POSITIVE
from llmcli.data.records import Record
from llmcli.spec import BatchOptions, InputOptions, ModelSpec

if TYPE_CHECKING:
    from llmcli.tasks.forward import Forward


@click.command()
@input_options()
@model_options(engines=False)
@click.option(
    "--top",
    type=POSITIVE,
    default=1,
    show_default=True,
    metavar="N",
    help="Show the N likeliest tokens of each position.",
)
@show_code_option
@output_options()
def forward(source: InputOptions, model: ModelSpec, top: int, show_code: bool, out: Output) -> None:
    """Run a model once over TEXT and show what it predicts at each position.

    The steps are those of a first transformers program: tokenize, forward pass,
    logits.argmax(-1), decode. A causal model predicts the next token; `rank` and `nats` are
    those of the token that did come. A masked model (BERT) predicts the token at each position
    itself.

    \b
      llmcli forward "Once upon a time"
      llmcli forward "我明天要去看电影。" --top 3
      llmcli forward "The cat sat" --json | jq '.[0].perplexity'
    """
    if show_code:
        _show_code(source, model, out)
        return
    rows = rows_of(source)
    from llmcli.engines.pytorch.loading import load
    from llmcli.tasks.forward import forward as run

    announce_default(model, out)
    loaded = load(model, ("causal", "masked"))
    announce_loaded(loaded, out)
    write_results(
        lambda batch, watch: watch(run(loaded, rows, top=top)),
        source,
        out,
        BatchOptions(),
        as_text=_as_text,
        show=_show,
    )


def _as_text(record: Record) -> str:
    return str(record["predicted_text"])


def _show(result: "Forward", out: Output) -> None:
    causal = result.kind == "causal"
    columns = ["position", "token", "id", "predicts" if causal else "fills in", "probability"]
    columns += ["came", "rank", "nats"] if causal else ["rank", "nats"]
    rows = [line for at in range(len(result.positions)) for line in _lines(result, at, causal)]
    show_table(columns, rows, right=frozenset({"position", "id", "probability", "rank", "nats"}))
    out.line(f"argmax, decoded: {result.predicted_text}")
    if result.mean_nats is not None:
        out.line(f"perplexity {result.perplexity:.2f} ({result.mean_nats:.2f} nats a token)")


def _lines(result: "Forward", at: int, causal: bool) -> Iterator[list[str]]:
    """The table's lines for one position: the best guess beside the token, the others below."""
    here = result.positions[at]
    rest = [str(here.rank), f"{here.nats:.2f}"] if here.nats is not None else ["", ""]
    if causal:
        following = [quoted(one.token) for one in result.positions[at + 1 : at + 2]]
        rest = [*(following or [""]), *rest]
    for place, guess in enumerate(here.best):
        guessed = [quoted(guess.token), f"{guess.probability:.3f}"]
        if place == 0:
            yield [str(here.position), quoted(here.token), str(here.id), *guessed, *rest]
        else:
            yield ["", "", "", *guessed, *([""] * len(rest))]


def _show_code(source: InputOptions, model: ModelSpec, out: Output) -> None:
    text = one_text(source)
    from llmcli.tasks.show_code.forward import forward_code

    write_code(forward_code(model, text), out)
