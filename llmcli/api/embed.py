"""llmcli.embed: texts as vectors."""

from collections.abc import Iterator
from typing import Literal, overload

import numpy as np

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.arrays import Floats
from llmcli.data.rows import Failure, Row
from llmcli.inference.embedding import Embedding
from llmcli.spec import WINDOWS, BatchOptions
from llmcli.spec.tasks import EmbedOptions
from llmcli.tasks import embed as task


@overload
def embed(
    text: Text,
    *,
    model: ModelLike = ...,
    options: EmbedOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError = ...,
) -> Embedding: ...
@overload
def embed(
    text: Texts,
    *,
    model: ModelLike = ...,
    options: EmbedOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: Literal["raise"] = ...,
) -> Floats: ...
@overload
def embed(
    text: Texts,
    *,
    model: ModelLike = ...,
    options: EmbedOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: Literal["yield"],
) -> Iterator[Embedding | Failure]: ...
def embed(
    text: Text | Texts,
    *,
    model: ModelLike = None,
    options: EmbedOptions | None = None,
    batch: BatchOptions | None = None,
    on_error: OnError = "raise",
) -> Embedding | Floats | Iterator[Embedding | Failure]:
    """Turn a text, or several, into vectors.

    text: one text gives one result, whose `embedding` is (D,) float32; an iterable of texts or of
    mappings with the field `text` gives an array (N, D) float32 or, with on_error="yield", an
    iterator of results. options: None pools and normalizes as the checkpoint says. batch: None
    reads a text that is too long in windows, and averages their vectors.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text that fails.

    >>> import llmcli
    >>> vectors = llmcli.embed(["a dog", "a small dog", "a train to London"])
    >>> vectors.shape, vectors.dtype.name
    ((3, 384), 'float32')
    >>> bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])
    True
    """
    call = Call(text, on_error)
    options, batch = options or EmbedOptions(), batch or WINDOWS
    loaded = task.load(model_of(model), options, work_bytes=call.work_bytes, note=call.notes.add)
    call.notes.add_engine(loaded)
    results = task.embed(loaded, call.rows, options, batch)
    if call.is_one or on_error == "yield":
        return call.returned(results)
    followed = call.followed(results)  # raises at a failure
    vectors = [result.embedding for result in followed if not isinstance(result, Failure)]
    if vectors:
        return np.stack(vectors)
    (sample,) = task.embed(loaded, [Row(1, "a")], options, batch)  # of no text, D is known
    return np.empty((0, 0 if isinstance(sample, Failure) else len(sample.embedding)), np.float32)
