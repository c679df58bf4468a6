"""llmcli forward: one forward pass, position by position."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import rows_of
from llmcli.cli.options import POSITIVE, input_options, model_options, output_options
from llmcli.cli.output import Output, Record, show_table
from llmcli.cli.running import announce_default
from llmcli.errors import InputError
from llmcli.spec import InputSpec, ModelSpec

if TYPE_CHECKING:
    from llmcli.tasks.forward import Forward


@click.command()
@input_options
@model_options()
@click.option(
    "--top",
    type=POSITIVE,
    default=1,
    show_default=True,
    metavar="N",
    help="Show the N likeliest tokens of each position.",
)
@click.option("--show-code", is_flag=True, help="Print the transformers script that does the same.")
@output_options
def forward(source: InputSpec, spec: ModelSpec, top: int, show_code: bool, out: Output) -> None:
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
    rows = rows_of(source)
    if show_code:
        _show_code(next(rows).text, spec)
        return
    from llmcli.core.loading import load_language_model
    from llmcli.tasks.forward import forward as run

    announce_default(spec, out)
    loaded = load_language_model(spec)
    out.detail(f"model: {loaded.checkpoint.folder}; running on {loaded.placement.reason}")
    as_tables = out.format == "table" or (out.format == "text" and out.path is None)
    with out.records(lambda record: str(record["predicted_text"])) as writer:
        for row in rows:
            if row.error is not None:
                raise InputError(f"line {row.number}: {row.error}")
            result = run(loaded, row.text, top=top)
            if as_tables:
                _show(result)
            else:
                writer.write(_record(result))


def _record(result: "Forward") -> Record:
    return asdict(result)


def _show(result: "Forward") -> None:
    causal = result.kind == "causal"
    columns = ["position", "token", "id", "predicts" if causal else "fills in", "probability"]
    columns += ["came", "rank", "nats"] if causal else ["rank", "nats"]
    rows = []
    for at, here in enumerate(result.positions):
        rest = [str(here.rank), f"{here.nats:.2f}"] if here.nats is not None else ["", ""]
        if causal:
            following = result.positions[at + 1].token if at + 1 < len(result.positions) else ""
            rest = [_quoted(following) if following else "", *rest]
        for place, guess in enumerate(here.best):
            guessed = [_quoted(guess.token), f"{guess.probability:.3f}"]
            if place == 0:
                rows.append(
                    [str(here.position), _quoted(here.token), str(here.id), *guessed, *rest]
                )
            else:
                rows.append(["", "", "", *guessed, *([""] * len(rest))])
    show_table(columns, rows, right=frozenset({"position", "id", "probability", "rank", "nats"}))
    click.echo(f"argmax, decoded: {result.predicted_text}")
    if result.mean_nats is not None:
        click.echo(f"perplexity {result.perplexity:.2f} ({result.mean_nats:.2f} nats a token)")


def _quoted(token: str) -> str:
    """Make leading and trailing spaces visible."""
    return token if token.startswith("<") else f"'{token}'"


def _show_code(text: str, spec: ModelSpec) -> None:
    from llmcli.core.checkpoint import kind_of
    from llmcli.core.loading import load_config
    from llmcli.tasks.show_code import forward_code

    _, config = load_config(spec)
    click.echo(forward_code(spec, text, masked=kind_of(config.to_dict()) == "masked"), nl=False)
