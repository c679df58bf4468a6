"""llmcli.answer: answers to questions about a text."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast, overload

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.errors import UsageError
from llmcli.inference.answers import Answer
from llmcli.spec import WINDOWS, BatchOptions
from llmcli.spec.tasks import AnswerOptions
from llmcli.tasks import answer as task

Context = str | Path | Sequence[Path] | None
"""A text; the path of a file or folder with texts, or several."""


@overload
def answer(
    question: Text,
    context: Context = ...,
    *,
    model: ModelLike = ...,
    options: AnswerOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError = ...,
) -> Answer: ...
@overload
def answer(
    question: Texts,
    context: Context = ...,
    *,
    model: ModelLike = ...,
    options: AnswerOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: Literal["raise"] = ...,
) -> Iterator[Answer]: ...
@overload
def answer(
    question: Texts,
    context: Context = ...,
    *,
    model: ModelLike = ...,
    options: AnswerOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError,
) -> Iterator[Answer | Failure]: ...
def answer(
    question: Text | Texts,
    context: Context = None,
    *,
    model: ModelLike = None,
    options: AnswerOptions | None = None,
    batch: BatchOptions | None = None,
    on_error: OnError = "raise",
) -> Answer | Iterator[Answer | Failure]:
    """Answer a question about a text, or several questions; or find the answer in many texts.

    question: one question gives one result; an iterable of questions, of pairs (question, context)
    or of mappings with the fields `question` and `context` gives an iterator. context: the text
    that the questions are about; or the path of a file or a folder, or several: the passages that
    have the words of the question are read, and the answer has its `source` and a `snippet`.
    batch: None reads a long context in windows that overlap.
    An extractive model gives `start` and `end`, in characters of the text, and a probability.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a question that fails.

    >>> import llmcli
    >>> result = llmcli.answer("Who wrote Emma?", "Emma is a novel by Jane Austen.")
    >>> result.answer, (result.start, result.end)
    ('Jane Austen', (19, 30))
    """
    paths = _paths(context)
    columns = ("question",) if paths else ("question", "context")
    call = Call(question, on_error, columns=columns, pair=None if paths else cast(Any, context))
    if call.is_one and isinstance(question, str) and context is None:
        raise UsageError("a question needs its `context`")
    library = task.read_library(paths) if paths else None
    loaded = task.load(model_of(model), work_bytes=call.work_bytes, note=call.notes.add)
    call.notes.add_engine(loaded)
    settings, reading = options or AnswerOptions(), batch or WINDOWS
    return call.returned(task.answer(loaded, call.rows, settings, reading, library))


def _paths(context: Context) -> list[str]:
    """The paths of the texts; none for a text."""
    if isinstance(context, Path):
        return [str(context)]
    if context is None or isinstance(context, str):
        return []
    paths = list(context)
    if not paths or not all(isinstance(path, Path) for path in paths):
        raise UsageError("`context` is a text, a pathlib.Path, or several paths")
    return list(map(str, paths))
