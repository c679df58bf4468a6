"""llmcli evaluate: how good a model's predictions are."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from llmcli.cli.command import Command
from llmcli.cli.error_limit import ErrorLimit
from llmcli.cli.options.evaluation import baseline_options, evaluation_options
from llmcli.cli.options.model import model_options
from llmcli.cli.progress import Progress
from llmcli.cli.reports import evaluation_text
from llmcli.cli.row_command import RowCommand
from llmcli.cli.types import INPUT_PATH
from llmcli.data.done import SHOWN_REASONS, Done
from llmcli.errors import UsageError
from llmcli.spec import files_of
from llmcli.spec.evaluation import EvaluateOptions

if TYPE_CHECKING:
    from llmcli.evaluation.predictions import Follow, RowFailure
    from llmcli.evaluation.report import Report


@click.command(cls=Command)
@evaluation_options(
    model_options(""),
    click.option(
        "--by",
        multiple=True,
        metavar="COLUMN",
        help="Measure the rows of each value of COLUMN separately, or by length. May be repeated.",
    ),
    click.option(
        "--mistakes",
        type=click.IntRange(min=0),
        default=5,
        show_default=True,
        metavar="N",
        help="Show the N mistakes with the highest confidence, or the N worst rows.",
    ),
    perplexity=baseline_options,
)
@click.option(
    "--predictions",
    type=INPUT_PATH,
    metavar="FILE",
    help="Evaluate what llmcli classify, answer or translate wrote; no model is loaded. "
    "The expected values are in its rows, or in --input.",
)
@click.argument("data", nargs=-1, type=INPUT_PATH, metavar="[FILE]")
def evaluate(
    command: RowCommand,
    options: EvaluateOptions,
    predictions: str | None,
    data: tuple[str, ...],
) -> None:
    """Measure how good a model is on rows whose expected values are known.

    Perplexity; accuracy, F1 and calibration; entities; exact match and F1 of answers; BLEU and
    chrF; retrieval and similarity: with 95% confidence intervals where one is known that holds.
    The predictions are those of classify, answer, translate and embed. FILE is short for -i FILE.

    \b
      llmcli evaluate --task causal-lm -m gpt2 -i wiki.txt --stride 512 --baseline ngram
      llmcli evaluate --task classification -m my-sentiment -i dev.jsonl --by length
      llmcli evaluate --task question-answering -m my-squad -i dev.json --mistakes 10
      llmcli translate -f en -t fr -i dev.csv --column en -o out.jsonl
      llmcli evaluate --task translation --predictions out.jsonl --target-column fr
      llmcli evaluate --task embedding -m minilm -i pairs.csv --column a --column b --json
    """
    if predictions is not None and _is_model_named():
        raise UsageError("--predictions loads no model: leave out -m")
    command = _with_file(command, data)
    if predictions is None and command.source.input is None:
        raise UsageError("no data: give --input FILE, or --predictions FILE")
    options = with_task(command, options, predictions)
    report = _report(command, options, predictions)
    for note in report.notes:
        command.out.note(note)
    with command.out.records(evaluation_text) as writer:
        writer.write(report.to_dict())
    require_all_rows(report.failures, report.rows_read, report.input)


def _with_file(command: RowCommand, files: tuple[str, ...]) -> RowCommand:
    """The command with a file that is named without a flag, which is the data."""
    if not files:
        return command
    if command.source.input is not None:
        raise UsageError(f"{files[0]}: the data is named by -i already; a model is named by -m")
    if len(files) > 1 or not Path(files[0]).exists():  # evaluate MODEL DATA, as in spaCy
        line = " -i ".join(files[:2])
        raise UsageError(
            f"{files[0]}: a model is named by -m, data by -i: llmcli evaluate -m {line}"
        )
    return replace(command, source=replace(command.source, input=files[0]))


def with_task(
    command: RowCommand, options: EvaluateOptions, predictions: str | None
) -> EvaluateOptions:
    """The options with a task: the only one that the data and the model are for, if none is named.

    predictions: a file of them, which says more than the data. Raises UsageError where several
    tasks are possible.
    """
    if options.task:
        return options
    from llmcli.tasks.evaluate import infer_task

    model = None if predictions else command.model
    path = predictions or command.source.input
    task = infer_task(path, model, files_of(command.source))
    command.out.note(f"task: {task}")
    return replace(options, task=task)


def _report(command: RowCommand, options: EvaluateOptions, predictions: str | None) -> "Report":
    """The report on a file of predictions or, without one, on a model."""
    from llmcli.tasks import evaluate as task

    source = command.source
    data = None if source.input is None else task.open_set(source.input, options, source.limit)
    if predictions is not None or data is None:
        return task.evaluate_saved(str(predictions), options, data, source.limit)
    loaded = command.load(task.load, options)
    return task.evaluate(loaded, data, options, command.batch, follow(command))


def _is_model_named() -> bool:
    """True where the command line itself names a model, not a variable or a file."""
    context = click.get_current_context()
    return context.get_parameter_source("model_id") is ParameterSource.COMMANDLINE


def follow(command: RowCommand) -> "Follow":
    """What shows the progress of a model on the rows of a command."""

    errors = ErrorLimit(command.out.max_errors, command.source.input)

    def count(results: Iterable[Any], total: int | None = None) -> Iterator[Any]:
        progress = Progress(command.out, limit=total or command.source.limit)
        for result in progress.count(results):
            yield result
            errors.check(progress.done)

    return count


def require_all_rows(failures: "tuple[RowFailure, ...]", rows: int, source: str) -> None:
    """Raise RowsFailed if some of the rows of a source could not be evaluated."""
    reasons = [(failure.row, failure.error) for failure in failures[:SHOWN_REASONS]]
    ErrorLimit(None, source).require_all(Done(rows, len(failures), reasons=reasons))
