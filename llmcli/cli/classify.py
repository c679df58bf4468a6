"""llmcli classify: labels for a text, or for a file of them."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import one_text, rows_of
from llmcli.cli.options import ENCODER, gather, input_options, model_options, task_options
from llmcli.cli.output import Output
from llmcli.cli.running import (
    is_default_model,
    load_announced,
    write_code,
    write_results,
)
from llmcli.cli.types import POSITIVE, TEXT, CommaList
from llmcli.data.records import Record
from llmcli.spec import BatchOptions, InputOptions, ModelSpec
from llmcli.spec.tasks import ClassifyOptions

if TYPE_CHECKING:
    from llmcli.inference.classification import Classification
    from llmcli.models.architectures import Kind

ENTAILMENT = "facebook/bart-large-mnli"


def _check_template(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if value.count("{}") != 1:
        raise click.BadParameter(f"{value!r} is to have one {{}}, where the label goes")
    return value


classify_options = gather(
    ClassifyOptions,
    "options",
    [
        click.option(
            "--labels",
            metavar="A,B,..",
            type=CommaList(),
            default=(),
            help="Zero-shot: choose among these, by a model for entailment (NLI) or a causal one.",
        ),
        click.option(
            "--hypothesis-template",
            default="This example is {}.",
            show_default=True,
            metavar="TEXT",
            type=TEXT,
            callback=_check_template,
            help="With --labels: the sentence that is judged, {} being the label.",
        ),
        click.option(
            "--multi-label",
            is_flag=True,
            help="Score each label for itself (sigmoid), not against the others (softmax).",
        ),
        click.option("--top", type=POSITIVE, metavar="N", help="Only the N best labels."),
    ],
)


@click.command()
@input_options(pairs=True)
@click.option(
    "--text-pair", type=TEXT, metavar="TEXT", help="The second text, for models of text pairs."
)
@model_options(ENCODER)
@classify_options
@task_options("window")
def classify(
    source: InputOptions,
    text_pair: str | None,
    model: ModelSpec,
    options: ClassifyOptions,
    batch: BatchOptions,
    show_code: bool,
    out: Output,
) -> None:
    """Say which label TEXT has, and how sure the model is of each.

    Any sequence-classification checkpoint will do. Softmax or sigmoid is the checkpoint's own
    choice. --labels needs no training: the labels may be any words. A text that is longer than
    the model takes is read in windows, and their scores are averaged.

    \b
      llmcli classify "What a wonderful film!"
      llmcli classify -i reviews.csv --column review -o labels.csv
      llmcli classify "The pitch was wet" --labels sport,politics,cooking
      llmcli classify -m gpt2 "I loved it" --labels good,bad --hypothesis-template "It was {}."
    """
    if options.labels and (text_pair is not None or len(source.columns) > 1):
        raise click.UsageError("--labels judges one text: leave out the second one")
    if len(options.labels) == 1 and not options.multi_label:
        raise click.UsageError(f"one label, {options.labels[0]!r}, is always right: add others")
    if options.labels and is_default_model():
        model = replace(model, model_id=ENTAILMENT)
    if show_code:
        text = one_text(source)
        from llmcli.tasks.show_code.classify import classify_code

        write_code(classify_code(model, options, text, text_pair), out)
        return
    if source.input is not None and text_pair is not None:
        raise click.UsageError("--text-pair goes with TEXT; of a file, name two by --column")
    rows = rows_of(source, text_pair)
    from llmcli.tasks.classify import classify as run

    kinds: tuple[Kind, ...] = ("classifier", "causal") if options.labels else ("classifier",)
    loaded = load_announced(model, out, *kinds, source=source)
    is_file = source.input is not None
    write_results(
        lambda batch, watch: watch(run(loaded, rows, options, batch)),
        source,
        out,
        batch,
        loaded=loaded,
        as_text=lambda record: _line(record, 1 if options.top is None else options.top),
        show=None if is_file or out.format != "text" else _show,
    )


def _line(record: Record, count: int) -> str:
    """The best labels, each with its score, tabs between them."""
    return "\t".join(f"{one['label']}\t{one['score']:.4f}" for one in record["scores"][:count])


def _show(result: "Classification", out: Output) -> None:
    """Each label with its score and a bar, for a person."""
    if result.row.number > 1:
        out.line()
    out.bars([(one.label, one.score) for one in result.scores])
