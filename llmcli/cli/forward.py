"""llmcli forward: one forward pass, position by position."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from llmcli.cli.command import Command
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import model_options
from llmcli.cli.options.output import output_options, show_code_option
from llmcli.cli.output import Output, quoted
from llmcli.cli.plain_tables import probability
from llmcli.cli.row_command import RowCommand
from llmcli.cli.tables import show_table
from llmcli.cli.types import POSITIVE
from llmcli.cli.write_results import Display
from llmcli.spec import InputOptions, ModelSpec

if TYPE_CHECKING:
    from llmcli.tasks.forward import Forward


@click.command(cls=Command)
@input_options()
@model_options(engines=False)
@click.option(
    "--top",
    type=POSITIVE,
    default=1,
    show_default=True,
    metavar="N",
    help="Show the N most likely tokens of each position.",
)
@show_code_option
@output_options(rows=True)
def forward(source: InputOptions, model: ModelSpec, top: int, show_code: bool, out: Output) -> None:
    """Run a model once over TEXT and show what it predicts at each position.

    The steps are those of a first transformers program: tokenize, forward pass,
    logits.argmax(-1), decode. A causal model predicts the next token; `rank` and `nats` are
    those of the token that really follows. A masked model (BERT) sees and predicts the token at
    each position itself: its mean surprisal is no perplexity.

    \b
      llmcli forward "Once upon a time"
      llmcli forward "我明天要去看电影。" --top 3
      llmcli forward "The cat sat" --json | jq '.[0].perplexity'
    """
    command = RowCommand(source, model, out)
    if show_code:
        text = command.only_text()
        from llmcli.tasks.show_code.forward import forward_code

        command.write_code(forward_code(model, text))
        return
    rows = command.rows()
    with out.waiting(f"loading {model.model_id or 'the model'}"):
        from llmcli.tasks.forward import forward, load  # which imports torch

        loaded = load(model, note=out.note)
    out.note_typed(loaded.read_as_text(source.texts))
    out.describe(loaded)
    display = Display(
        as_text=lambda record: str(record["predicted_text"]), show=_show, task=forward
    )
    with command.open_run(display) as run:
        for result in run.follow(forward(loaded, rows, top=top)):
            run.write(result)


def _show(result: "Forward", out: Output) -> None:
    causal = result.kind == "causal"
    columns = ["position", "token", "id", "predicts" if causal else "fills in", "probability"]
    columns += ["came", "rank", "nats"] if causal else ["rank", "nats"]
    rows = [line for at in range(len(result.positions)) for line in _lines(result, at, causal)]
    show_table(columns, rows, right=frozenset({"position", "id", "probability", "rank", "nats"}))
    out.line(f"argmax, decoded: {result.predicted_text}")
    if result.next_token is not None:
        out.line(f"after the last token: {quoted(result.next_token)}")
    if result.perplexity is not None:
        out.line(f"perplexity {result.perplexity:.2f} ({result.mean_nats:.2f} nats a token)")
    elif result.mean_nats is not None:
        out.line(
            f"{result.mean_nats:.2f} nats a token, each of which the model sees: no perplexity"
        )


def _lines(result: "Forward", at: int, causal: bool) -> Iterator[list[str]]:
    """The table's lines for one position: the best prediction beside the token, others below."""
    here = result.positions[at]
    rest = [str(here.rank), f"{here.nats:.2f}"] if here.nats is not None else ["", ""]
    if causal:
        following = [quoted(position.token) for position in result.positions[at + 1 : at + 2]]
        rest = [*(following or [""]), *rest]
    for order, guess in enumerate(here.best):
        guessed = [quoted(guess.token), probability(guess.probability, 3)]
        if order == 0:
            yield [str(here.position), quoted(here.token), str(here.id), *guessed, *rest]
        else:
            yield ["", "", "", *guessed, *([""] * len(rest))]
