"""llmcli compare: two models on the same rows."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from llmcli.cli.command import Command
from llmcli.cli.evaluate import follow, require_all_rows, with_task
from llmcli.cli.options.evaluation import evaluation_options
from llmcli.cli.options.model import model_options
from llmcli.cli.reports import comparison_text
from llmcli.cli.row_command import RowCommand
from llmcli.cli.types import INPUT_PATH
from llmcli.errors import UsageError
from llmcli.spec.evaluation import EvaluateOptions

if TYPE_CHECKING:
    from llmcli.evaluation.predictions import Predictions


@click.command(cls=Command)
@click.argument("a", type=INPUT_PATH)
@click.argument("b", type=INPUT_PATH)
@evaluation_options(model_options(named=False))
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    metavar="N",
    help="Show the N rows that changed most.",
)
def compare(command: RowCommand, options: EvaluateOptions, a: str, b: str, rows: int) -> None:
    """Compare two models, or two files of predictions, on the same rows.

    A and B are each a model, as -m takes it, or a file as llmcli evaluate --predictions takes it.
    The report has every metric of both, and the difference with a 95% confidence interval, for
    which each sample draws the same rows for both; where rows are right or wrong, McNemar's exact
    test; and the rows that changed.

    \b
      llmcli compare --task classification my-sentiment my-other -i dev.jsonl
      llmcli compare --task translation old.jsonl new.jsonl --target-column fr --rows 20
      llmcli compare --task causal-lm gpt2 distilgpt2 -i wiki.txt
    """
    if command.source.input == "-":
        raise UsageError("both models read the rows, and stdin can be read once: give a file")

    from llmcli.tasks.evaluate import is_prediction_file

    named = replace(command, model=replace(command.model, model_id=a))
    options = with_task(named, options, a if is_prediction_file(a) else None)
    first, second = (_predictions(command, name, options) for name in (a, b))
    from llmcli.tasks.compare import compare as run

    comparison = run(first, second, options, rows)
    for note in comparison.notes:
        command.out.note(note)
    with command.out.records(comparison_text) as writer:
        writer.write(comparison.to_dict())
    for failures in (comparison.failures_a, comparison.failures_b):
        require_all_rows(failures, comparison.rows_read, comparison.input)


def _predictions(command: RowCommand, name: str, options: EvaluateOptions) -> "Predictions":
    """The predictions in a file, if `name` is that of one, else those of a model."""
    from llmcli.tasks import evaluate as task

    source = command.source
    data = None if source.input is None else task.open_set(source.input, options, source.limit)
    if task.is_prediction_file(name):
        return task.read_predictions(name, options, data, source.limit)
    if data is None:
        raise UsageError("no data: give --input FILE")
    command = replace(command, model=replace(command.model, model_id=name))
    loaded = command.load(task.load, options)
    return task.predict(loaded, data, options, command.batch, follow(command))
