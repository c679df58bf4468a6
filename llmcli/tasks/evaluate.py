"""How good the predictions of a model are on rows whose expected values are known."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from llmcli.data.readers.base import AS_WRITTEN
from llmcli.data.results import unknown_texts_note
from llmcli.data.rows import Row
from llmcli.evaluation.evaluation_set import EvaluationSet
from llmcli.evaluation.evaluators import complete_options, evaluator_of
from llmcli.evaluation.infer_task import (
    fields_of,
    is_regression,
    kinds_of_model,
    measured_task,
)
from llmcli.evaluation.measuring import measures, mistakes, slices
from llmcli.evaluation.predictions import Follow, ModelRun, Predictions, unfollowed
from llmcli.evaluation.report import Report
from llmcli.evaluation.saved_predictions import match, read_saved
from llmcli.inference.loading import AnyModel, load_model
from llmcli.models.starters import Note, ignore
from llmcli.spec import AUTO_BATCH, BatchOptions, FileOptions, ModelSpec
from llmcli.spec.evaluation import EvaluateOptions, EvaluationTask
from llmcli.tokenization.unknown import UnknownShare

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded


def infer_task(
    path: str | None, model: ModelSpec | None = None, files: FileOptions = AS_WRITTEN
) -> EvaluationTask:
    """The task that a data file and a model are for, where only one is possible.

    path: rows with expected values, or saved predictions. model: None, or one without a name, says
    nothing. Raises UsageError where several are possible, and what finding the model raises.
    """
    kinds = kinds_of_model(model) if model is not None and model.model_id else ()
    fields = set() if path in (None, "-") else fields_of(str(path), files)
    task = measured_task(fields, kinds)
    if task == "classification" and model is not None and model.model_id and is_regression(model):
        return "regression"
    return task


def open_set(path: str, options: EvaluateOptions, limit: int | None = None) -> EvaluationSet:
    """Open a file with expected values, in a form that the task knows. It can be read once.

    limit: read only so many rows, or lines of a document. Raises InputError where the file cannot
    be read, UsageError for options that do not go with it.
    """
    options = complete_options(options)
    return evaluator_of(options.task).open(path, options, limit)


def load(
    model: AnyModel,
    options: EvaluateOptions,
    *,
    work_bytes: int | None = None,
    note: Note = ignore,
) -> "Loaded":
    """Load a model for `options.task`.

    model: None, or one without a name, takes the task's default. work_bytes: size of the texts,
    0 where it is unknown; None for a text or two. note: is told of choices made for the user.
    Raises ModelNotFound, ModelUnsuitable; UsageError for options that contradict one another, or
    for a task that llmcli has no model for.
    """
    options = complete_options(options)
    evaluator = evaluator_of(options.task)
    purpose = replace(evaluator.purpose(options), file_bytes=work_bytes)
    return load_model(model, evaluator.default_model, purpose, note)


def evaluate(
    loaded: "Loaded",
    data: EvaluationSet,
    options: EvaluateOptions,
    batch: BatchOptions = AUTO_BATCH,
    follow: Follow = unfollowed,
) -> Report:
    """Run a model on rows and measure its predictions.

    follow: gets the results of the model to pass them on, and may show progress.
    Raises InputError where no row can be evaluated, UsageError for options that contradict one
    another.
    """
    return measure(predict(loaded, data, options, batch, follow), options)


def evaluate_saved(
    path: str,
    options: EvaluateOptions,
    data: EvaluationSet | None = None,
    limit: int | None = None,
) -> Report:
    """Measure predictions that were saved before, without a model.

    path, data, limit: as for `read_predictions`. Raises as `evaluate` does.
    """
    return measure(read_predictions(path, options, data, limit), options)


def predict(
    loaded: "Loaded",
    data: EvaluationSet,
    options: EvaluateOptions,
    batch: BatchOptions = AUTO_BATCH,
    follow: Follow = unfollowed,
) -> Predictions:
    """Run a model on rows, for `measure` or `compare`. Raises as `evaluate` does."""
    options = complete_options(options)
    share_of = UnknownShare(loaded.tokenizer).of
    unknown: list[int] = []

    def noticed(rows: Iterable[Row]) -> Iterator[Row]:
        """Pass rows on; count those that the model cannot read."""
        for row in rows:
            if share_of(row.text, row.pair) is not None:
                unknown.append(row.number)
            yield row

    run = ModelRun(loaded, replace(data, rows=noticed(data.rows)), options, batch, follow)
    predictions = evaluator_of(options.task).predict(run)
    if unknown:
        predictions.settings["unknown_texts"] = len(unknown)
        note = unknown_texts_note(len(unknown), max(predictions.total, len(unknown)))
        predictions.notes.append(f"{predictions.source}: {note}")
    return predictions


def read_predictions(
    path: str,
    options: EvaluateOptions,
    data: EvaluationSet | None = None,
    limit: int | None = None,
) -> Predictions:
    """Read predictions that a command of llmcli wrote, for `measure` or `compare`.

    data: the rows with their expected values, matched by id or number; None: the saved records
    have the expected values too. limit: read only so many records.
    Raises InputError where the file cannot be read, UsageError for options that contradict one
    another.
    """
    options = complete_options(options)
    records = read_saved(path, options.columns)
    if data is None:
        pairs = ((record, record) for record in islice(records, limit))
        predictions = Predictions(path, path)
        return evaluator_of(options.task).read_saved(pairs, options, predictions)
    matches = match(data.rows, records, limit)
    predictions = Predictions(path, data.name)
    predictions.notes += [matches.note] if matches.note else []
    return evaluator_of(options.task).read_saved(matches.pairs, options, predictions)


def measure(predictions: Predictions, options: EvaluateOptions) -> Report:
    """All metrics of predictions, with intervals, slices and mistakes.

    Raises InputError where no row could be evaluated.
    """
    options = complete_options(options)
    evaluator = evaluator_of(options.task)
    predictions.require_examples()
    examples, baseline = predictions.examples, predictions.baseline
    scorer = evaluator.scorer(examples, options, predictions.labels)
    other = evaluator.scorer(baseline, options, ()) if baseline else None
    return Report(
        task=options.task,
        source=predictions.source,
        input=predictions.input,
        rows=len(examples),
        unit=predictions.unit,
        metrics=measures(scorer, len(examples), options),
        bootstrap=options.bootstrap,
        seed=options.seed,
        settings=predictions.settings,
        baseline=measures(other, len(baseline), options) if other is not None else (),
        details=scorer.details,
        slices=slices(scorer, examples, options),
        mistakes=mistakes(scorer, examples, options.mistakes, evaluator.as_text),
        failures=tuple(predictions.failures),
        rows_read=predictions.total,
        notes=tuple(predictions.all_notes()),
    )


SUFFIXES = {".jsonl", ".csv", ".tsv", ".parquet", ".json"}


def is_prediction_file(name: str) -> bool:
    """True for the name of a file of predictions, False for that of a model.

    >>> is_prediction_file("out.csv.gz"), is_prediction_file("facebook/bart-large-mnli")
    (True, False)
    """
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    return any(suffix in SUFFIXES for suffix in suffixes[-2:]) and not Path(name).is_dir()
