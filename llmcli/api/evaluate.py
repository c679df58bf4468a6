"""llmcli.evaluate: how good a model is on rows whose expected values are known."""

from dataclasses import replace
from pathlib import Path

from llmcli.api.call import Notes
from llmcli.api.inputs import ModelLike, Texts, model_of, rows_of
from llmcli.data.rows import Row
from llmcli.errors import UsageError
from llmcli.evaluation.evaluation_set import EvaluationSet
from llmcli.evaluation.evaluators import complete_options, evaluator_of
from llmcli.evaluation.report import Report
from llmcli.inference.loading import Model
from llmcli.spec import AUTO_BATCH, BatchOptions
from llmcli.spec.evaluation import EvaluateOptions, EvaluationTask
from llmcli.tasks import evaluate as tasks

Data = str | Path | Texts
"""Rows with their expected values: a file, or records with the fields that a file would have."""


def evaluate(
    data: Data | None = None,
    *,
    task: EvaluationTask | None = None,
    model: ModelLike = None,
    predictions: str | Path | None = None,
    options: EvaluateOptions | None = None,
    batch: BatchOptions | None = None,
) -> Report:
    """Measure a model, or predictions that were saved, by the metrics of its task.

    data: a path, as `llmcli evaluate --input` takes it, or an iterable of mappings. task: such as
    "classification"; also a field of `options`, which say what else is measured; None: the only one
    that a file and the model are for. predictions: a
    file that a command of llmcli wrote; then no model is loaded, and `data` may be left out.
    The report has each metric with its 95% confidence interval, slices and mistakes; perplexity is
    exp of the mean nats a token. Rows that cannot be evaluated are its `failures`.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError if no row can be evaluated.

    >>> import llmcli
    >>> rows = [{"text": "I loved it.", "label": "positive"}, {"text": "No.", "label": "negative"}]
    >>> report = llmcli.evaluate(rows, task="classification")
    >>> report.rows, report.metrics[0].name, report.metrics[0].value
    (2, 'accuracy', 1.0)
    """
    if task is None and options is None:
        task = _task_of(data, model, predictions)
    options, notes = options_of(task, options), Notes()
    opened = None if data is None else open_data(data, options)
    if predictions is not None:
        report = tasks.evaluate_saved(str(predictions), options, opened)
    elif opened is None:
        raise UsageError("`data` is needed, or `predictions`")
    else:
        loaded = tasks.load(model_of(model), options, work_bytes=0, note=notes.add)
        notes.add_engine(loaded)
        report = tasks.evaluate(loaded, opened, options, batch or AUTO_BATCH)
    for note in report.notes:
        notes.add(note)
    return replace(report, notes=tuple(notes.lines))


def _task_of(
    data: Data | None, model: ModelLike, predictions: str | Path | None
) -> EvaluationTask | None:
    """The only task that a file and a model are for; None for records. Raises UsageError."""
    if predictions is not None:
        return tasks.infer_task(str(predictions))
    if not isinstance(data, (str, Path)):
        return None
    named = model_of(model)
    return tasks.infer_task(str(data), named.spec if isinstance(named, Model) else named)


def options_of(task: EvaluationTask | None, options: EvaluateOptions | None) -> EvaluateOptions:
    """The options of a call. Raises UsageError without a task, or with two."""
    if options is None:
        if task is None:
            raise UsageError("`task` is needed, such as 'classification'")
        options = EvaluateOptions(task)
    if task is not None and task != options.task:
        raise UsageError(f"`task` {task!r} contradicts the {options.task!r} of `options`")
    return complete_options(options)


def open_data(data: Data, options: EvaluateOptions) -> EvaluationSet:
    """Open a file, or take records; a set can be read once."""
    if isinstance(data, (str, Path)):
        return tasks.open_set(str(data), options)
    columns = options.columns or evaluator_of(options.task).columns
    rows: list[Row] = list(rows_of(data, columns))
    return EvaluationSet(rows, f"{len(rows):,} rows")
