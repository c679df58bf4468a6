"""llmcli bench: how fast a model runs on this machine, engine by engine."""

import click

from llmcli.cli.command import Command
from llmcli.cli.flags import with_flags
from llmcli.cli.options.gather import gather
from llmcli.cli.options.model import model_options
from llmcli.cli.options.output import output_options
from llmcli.cli.output import Output, human_size
from llmcli.cli.plain_tables import plain_table
from llmcli.cli.types import POSITIVE
from llmcli.data.records import Record
from llmcli.spec import Format, ModelSpec
from llmcli.spec.tasks import BenchOptions

FORMS: tuple[Format, ...] = ("text", "json")

bench_options = gather(
    BenchOptions,
    "options",
    [
        click.option(
            "--prompt-tokens",
            type=POSITIVE,
            default=128,
            show_default=True,
            metavar="N",
            help="Tokens of each prompt, or of each text of an encoder.",
        ),
        click.option(
            "-n",
            "--new-tokens",
            type=click.IntRange(min=2),
            default=64,
            show_default=True,
            metavar="N",
            help="Tokens that are generated after each prompt.",
        ),
        click.option(
            "--batch-size",
            type=POSITIVE,
            default=16,
            show_default=True,
            metavar="N",
            help="Texts that are run together, where several are timed.",
        ),
        click.option(
            "--repeats",
            type=POSITIVE,
            default=3,
            show_default=True,
            metavar="N",
            help="Report the median of N runs.",
        ),
    ],
)


@click.command(cls=Command)
@model_options(reads=False)
@bench_options
@output_options(FORMS)
def bench(model: ModelSpec, options: BenchOptions, out: Output) -> None:
    """Time a model on this machine, by engine and dtype.

    Each runs in a process of its own: seconds to load and to the first token, tokens/s of reading a
    prompt, of generating one text and of generating several together, and peak memory. For causal
    models also the limits of this machine: generating one text reads all weights for each token, so
    memory bandwidth limits it; reading a prompt is limited by the speed of matrix multiplication.
    --engine and --dtype select single rows.

    \b
      llmcli bench
      llmcli bench -m gpt2 --prompt-tokens 512 -n 128 --json
      llmcli bench -m sentence-transformers/all-MiniLM-L6-v2 --engine ct2
    """
    from llmcli.tasks.bench import bench as run

    report = run(model, options, out.note)
    with out.records(_text) as writer:
        writer.write(report.to_dict())


def _text(record: Record) -> str:
    """The report for a person."""
    machine, kind = record["machine"], record["kind"]
    processor = machine["description"]
    rates = ", ".join(
        f"{rate['dtype']} {rate['gflops']:,.0f} ({rate['library']})" for rate in machine["rates"]
    )
    head = (
        f"{processor['cpu']}, {processor['cores']} cores, {' '.join(processor['instructions'])}\n"
        f"reads {machine['bandwidth']:.1f} GB/s; multiplies, in GFLOP/s: {rates}"
    )
    names = ["engine", "dtype", "load s", "first ms", "read tok/s", "of limit"]
    names += ["write tok/s", "of limit", "batch tok/s", "memory"]
    if kind == "encoder":
        names = [*names[:3], "text ms", "tok/s", "batch tok/s", "memory"]
    rows = [_cells(kind, row) for row in record["rows"]]
    table = plain_table(names, rows, right=set(range(2, len(names))))
    errors = [
        f"{row['engine']} {row['dtype']}: {with_flags(row['error'])}"
        for row in record["rows"]
        if row["error"]
    ]
    return "\n\n".join([head, table, *_choices(record), *errors])


def _choices(record: Record) -> list[str]:
    """How the rows were computed, each choice once: the first row may measure for the others."""
    lines = [line for row in record["rows"] for line in (row["speeds"] or {}).get("chosen", ())]
    first = {line.partition(" (")[0]: line for line in reversed(lines)}
    return ["\n".join(sorted(first.values()))] if lines else []


def _cells(kind: str, row: Record) -> list[str]:
    speeds = row["speeds"]
    if speeds is None:
        return [row["engine"], row["dtype"], *[""] * (5 if kind == "encoder" else 8)]
    read = [f"{speeds['prefill']:,.0f}"]
    written: list[str] = []
    if kind != "encoder":
        read.append(_share(speeds["prefill"], row["prefill_limit"]))
        written = [f"{speeds['decode']:,.1f}", _share(speeds["decode"], row["decode_limit"])]
    return [
        row["engine"],
        row["dtype"],
        f"{speeds['load']:.2f}",
        f"{1000 * speeds['first']:,.0f}",
        *read,
        *written,
        f"{speeds['batch']:,.0f}",
        "" if speeds["memory"] is None else human_size(speeds["memory"]),
    ]


def _share(value: float, limit: float | None) -> str:
    return "" if limit is None else f"{100 * value / limit:.0f}%"
