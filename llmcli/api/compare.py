"""llmcli.compare: two models on the same rows."""

from dataclasses import replace
from pathlib import Path

from llmcli.api.call import Notes
from llmcli.api.evaluate import Data, open_data, options_of
from llmcli.api.inputs import ModelLike, model_of
from llmcli.errors import UsageError
from llmcli.evaluation.comparison import Comparison
from llmcli.evaluation.predictions import Predictions
from llmcli.spec import AUTO_BATCH, BatchOptions
from llmcli.spec.evaluation import EvaluateOptions, EvaluationTask
from llmcli.tasks import compare as task_compare
from llmcli.tasks import evaluate as tasks


def compare(
    a: ModelLike | Path,
    b: ModelLike | Path,
    data: Data | None = None,
    *,
    task: EvaluationTask | None = None,
    options: EvaluateOptions | None = None,
    batch: BatchOptions | None = None,
    changed: int = 10,
) -> Comparison:
    """Compare two models, or two files of predictions, row by row.

    a, b: each a model, or the path of predictions that a command of llmcli wrote. data, task,
    options: as of `evaluate`; files of predictions need no data. changed: how many rows with
    different predictions are listed.
    The result has each metric of both with the 95% confidence interval of the difference, and
    where rows are right or wrong McNemar's exact test.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError without a common row.

    >>> import llmcli
    >>> rows = [{"text": "I loved it.", "label": "positive"}, {"text": "No.", "label": "negative"}]
    >>> same = llmcli.compare("bert-en", "bert-en", rows, task="classification")
    >>> same.rows, same.differences[0].difference, same.changed
    (2, 0.0, ())
    """
    notes, options = Notes(), options_of(task, options)
    if data is not None and not isinstance(data, (str, Path)):
        data = list(data)  # both models read it
    batch = batch or AUTO_BATCH
    first, second = (_predictions(model, data, options, batch, notes) for model in (a, b))
    comparison = task_compare.compare(first, second, options, changed)
    for note in comparison.notes:
        notes.add(note)
    return replace(comparison, notes=tuple(notes.lines))


def _predictions(
    model: ModelLike | Path,
    data: Data | None,
    options: EvaluateOptions,
    batch: BatchOptions,
    notes: Notes,
) -> Predictions:
    """Those of a file, or of a model that runs on the data."""
    opened = None if data is None else open_data(data, options)
    if isinstance(model, Path):
        model = str(model)
    if isinstance(model, str) and tasks.is_prediction_file(model):
        return tasks.read_predictions(model, options, opened)
    if opened is None:
        raise UsageError("`data` is needed to compare models")
    loaded = tasks.load(model_of(model), options, work_bytes=0, note=notes.add)
    notes.add_engine(loaded)
    return tasks.predict(loaded, opened, options, batch)
