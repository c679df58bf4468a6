"""llmcli.classify: labels of texts."""

from collections.abc import Iterator
from typing import Literal, overload

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.inference.classification import Classification
from llmcli.spec import WINDOWS, BatchOptions
from llmcli.spec.tasks import ClassifyOptions
from llmcli.tasks import classify as task


@overload
def classify(
    text: Text,
    *,
    model: ModelLike = ...,
    options: ClassifyOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError = ...,
) -> Classification: ...
@overload
def classify(
    text: Texts,
    *,
    model: ModelLike = ...,
    options: ClassifyOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: Literal["raise"] = ...,
) -> Iterator[Classification]: ...
@overload
def classify(
    text: Texts,
    *,
    model: ModelLike = ...,
    options: ClassifyOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError,
) -> Iterator[Classification | Failure]: ...
def classify(
    text: Text | Texts,
    *,
    model: ModelLike = None,
    options: ClassifyOptions | None = None,
    batch: BatchOptions | None = None,
    on_error: OnError = "raise",
) -> Classification | Iterator[Classification | Failure]:
    """Classify a text, or several, by a trained head or among labels of your own.

    text: one text gives one result; an iterable of texts, of pairs of texts or of mappings with the
    field `text` gives an iterator. options: with `labels`, zero-shot by an NLI or a causal model.
    batch: None reads a text that is too long in windows, and averages their scores.
    Scores are probabilities; of a regression model, the number that it computes.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text that fails.

    >>> import llmcli
    >>> result = llmcli.classify("What a wonderful film!")
    >>> result.label, round(result.score, 2)
    ('positive', 1.0)
    >>> [result.label for result in llmcli.classify(["I loved it.", "A dull, empty story."])]
    ['positive', 'negative']
    """
    call = Call(text, on_error)
    options = options or ClassifyOptions()
    loaded = task.load(model_of(model), options, work_bytes=call.work_bytes, note=call.notes.add)
    call.notes.add_engine(loaded)
    results = task.classify(loaded, call.rows, options, batch or WINDOWS)
    return call.returned(results)
