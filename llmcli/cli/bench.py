"""llmcli bench: how fast a model runs on this machine, engine by engine."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from llmcli.cli.options.gather import gather
from llmcli.cli.options.model import model_options
from llmcli.cli.options.output import output_options
from llmcli.cli.output import Output, human_size
from llmcli.cli.reporting import columns
from llmcli.cli.types import POSITIVE
from llmcli.spec import Format, ModelSpec
from llmcli.spec.tasks import BenchOptions

if TYPE_CHECKING:
    from llmcli.system.measure import Machine
    from llmcli.tasks.bench import Row

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
            help="Tokens that are written after each prompt.",
        ),
        click.option(
            "--batch-size",
            type=POSITIVE,
            default=16,
            show_default=True,
            metavar="N",
            help="Texts that are run together, where several are.",
        ),
        click.option(
            "--repeats",
            type=POSITIVE,
            default=3,
            show_default=True,
            metavar="N",
            help="Take the median of N times.",
        ),
    ],
)


@click.command()
@model_options()
@bench_options
@output_options(FORMS)
def bench(model: ModelSpec, options: BenchOptions, out: Output) -> None:
    """Time a model on this machine, by engine and dtype.

    Each runs in a process of its own: seconds to load, to the first token, tokens/s of a prompt
    that is read, of one text that is written and of several together, and the most memory.
    Beside them, for causal models, what this machine allows: writing one text reads all weights
    for each token, so memory bandwidth is its limit; reading a prompt is limited by how fast
    matrices are multiplied. --engine and --dtype leave one row of it.

    \b
      llmcli bench
      llmcli bench -m gpt2 --prompt-tokens 512 -n 128 --json
      llmcli bench -m sentence-transformers/all-MiniLM-L6-v2 --engine ct2
    """
    from llmcli.system.measure import measure
    from llmcli.tasks.bench import bench as run
    from llmcli.tasks.bench import choices, kind_of_model, named_model

    model = named_model(model, out.note)
    kind = kind_of_model(model)
    with_torch = any(engine == "torch" for engine, _ in choices(model))
    out.note("measuring this machine")
    machine = measure(with_torch=with_torch)
    rows = []
    for row in run(model, kind, options, machine):
        out.note(f"{row.engine} {row.dtype}: {row.error or 'done'}")
        rows.append(row)
    record = {
        "model": model.model_id,
        "kind": kind,
        **asdict(options),
        "machine": asdict(machine),
        "rows": [asdict(row) for row in rows],
    }
    with out.records(lambda record: _text(kind, machine, rows)) as writer:
        writer.write(record)


def _text(kind: str, machine: "Machine", rows: "list[Row]") -> str:
    """The report for a person."""
    told = machine.description
    rates = ", ".join(f"{one.dtype} {one.gflops:,.0f} ({one.library})" for one in machine.rates)
    head = (
        f"{told.cpu}, {told.cores} cores, {' '.join(told.instructions)}\n"
        f"reads {machine.bandwidth:.1f} GB/s; multiplies, in GFLOP/s: {rates}"
    )
    names = ["engine", "dtype", "load s", "first ms", "read tok/s", "of limit"]
    names += ["write tok/s", "of limit", "batch tok/s", "memory"]
    if kind == "encoder":
        names = [*names[:3], "text ms", "tok/s", "batch tok/s", "memory"]
    table = columns(names, [_cells(kind, row) for row in rows], right=set(range(2, len(names))))
    errors = [f"{row.engine} {row.dtype}: {row.error}" for row in rows if row.error]
    return "\n\n".join([head, table, *errors])


def _cells(kind: str, row: "Row") -> list[str]:
    speeds = row.speeds
    if speeds is None:
        return [row.engine, row.dtype, *[""] * (5 if kind == "encoder" else 8)]
    read = [f"{speeds.prefill:,.0f}"]
    written: list[str] = []
    if kind != "encoder":
        read.append(_share(speeds.prefill, row.prefill_limit))
        written = [f"{speeds.decode:,.1f}", _share(speeds.decode, row.decode_limit)]
    return [
        row.engine,
        row.dtype,
        f"{speeds.load:.2f}",
        f"{1000 * speeds.first:,.0f}",
        *read,
        *written,
        f"{speeds.batch:,.0f}",
        "" if speeds.memory is None else human_size(speeds.memory),
    ]


def _share(value: Any, limit: float | None) -> str:
    return "" if limit is None else f"{100 * value / limit:.0f}%"
