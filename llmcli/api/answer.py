"""llmcli.answer: answers to questions about a text."""

from collections.abc import Iterator
from typing import Literal, overload

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.errors import UsageError
from llmcli.inference.answers import Answer
from llmcli.spec import WINDOWS, BatchOptions
from llmcli.spec.tasks import AnswerOptions
from llmcli.tasks import answer as task


@overload
def answer(
    question: Text,
    context: str | None = ...,
    *,
    model: ModelLike = ...,
    options: AnswerOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError = ...,
) -> Answer: ...
@overload
def answer(
    question: Texts,
    context: str | None = ...,
    *,
    model: ModelLike = ...,
    options: AnswerOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: Literal["raise"] = ...,
) -> Iterator[Answer]: ...
@overload
def answer(
    question: Texts,
    context: str | None = ...,
    *,
    model: ModelLike = ...,
    options: AnswerOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError,
) -> Iterator[Answer | Failure]: ...
def answer(
    question: Text | Texts,
    context: str | None = None,
    *,
    model: ModelLike = None,
    options: AnswerOptions | None = None,
    batch: BatchOptions | None = None,
    on_error: OnError = "raise",
) -> Answer | Iterator[Answer | Failure]:
    """Answer a question about a text, or several questions.

    question: one question gives one result; an iterable of questions, of pairs (question, context)
    or of mappings with the fields `question` and `context` gives an iterator. context: the text
    that the questions are about. batch: None reads a long context in windows that overlap.
    An extractive model gives `start` and `end`, in characters of the context, and a probability.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a question that fails.

    >>> import llmcli
    >>> result = llmcli.answer("Who wrote Emma?", "Emma is a novel by Jane Austen.")
    >>> result.answer, (result.start, result.end)
    ('Jane Austen', (19, 30))
    """
    call = Call(question, on_error, columns=("question", "context"), pair=context)
    if call.is_one and isinstance(question, str) and context is None:
        raise UsageError("a question needs its `context`")
    loaded = task.load(model_of(model), work_bytes=call.work_bytes, note=call.notes.add)
    call.notes.add_engine(loaded)
    results = task.answer(loaded, call.rows, options or AnswerOptions(), batch or WINDOWS)
    return call.returned(results)
