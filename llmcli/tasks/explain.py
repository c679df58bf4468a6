"""Explain what happens inside a model when it reads a text."""

from collections.abc import Callable, Iterable, Iterator

from llmcli.data.rows import Failure, Row, failed
from llmcli.engines.base import Loaded
from llmcli.errors import LlmcliError
from llmcli.inference.loading import AnyModel
from llmcli.inference.unknown import with_unknown
from llmcli.interpretability.explanation import Explanation, explain_study
from llmcli.interpretability.load import load_subject
from llmcli.interpretability.study import Study
from llmcli.models.starters import Note, ignore
from llmcli.spec.explain import ExplainOptions


def load(model: AnyModel, options: ExplainOptions, *, note: Note = ignore) -> Loaded:
    """Load the model that is explained, with the head that `options` ask for.

    Raises as `load_subject` does.
    """
    return load_subject(model, options, note=note)


def explain(
    loaded: Loaded,
    rows: Iterable[Row],
    options: ExplainOptions,
    *,
    note: Note = ignore,
    progress: Callable[[str], None] = ignore,
) -> Iterator[Explanation | Failure]:
    """Explain each text: what the sections that `options` ask for find.

    note: receives a line for each choice. progress: is told each section before it begins.
    A row that cannot be explained comes as a Failure in its place.
    """
    results = _results(loaded, rows, options, note, progress)
    return with_unknown(results, loaded.tokenizer)


def _results(
    loaded: Loaded,
    rows: Iterable[Row],
    options: ExplainOptions,
    note: Note,
    progress: Callable[[str], None],
) -> Iterator[Explanation | Failure]:
    for row in rows:
        if row.error is not None:
            yield failed(row)
            continue
        try:
            study = Study(loaded, row, options)
            for line in study.reading.notes:
                note(line)
            yield explain_study(study, note=note, progress=progress)
        except LlmcliError as error:
            yield Failure(row, error)
