"""llmcli.fill: words for the gaps of a text."""

from collections.abc import Iterator
from typing import Literal, overload

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.inference.filling import Filled
from llmcli.spec import WINDOWS, BatchOptions
from llmcli.spec.tasks import FillOptions
from llmcli.tasks import fill as task


@overload
def fill(
    text: Text,
    *,
    model: ModelLike = ...,
    options: FillOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError = ...,
) -> Filled: ...
@overload
def fill(
    text: Texts,
    *,
    model: ModelLike = ...,
    options: FillOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: Literal["raise"] = ...,
) -> Iterator[Filled]: ...
@overload
def fill(
    text: Texts,
    *,
    model: ModelLike = ...,
    options: FillOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError,
) -> Iterator[Filled | Failure]: ...
def fill(
    text: Text | Texts,
    *,
    model: ModelLike = None,
    options: FillOptions | None = None,
    batch: BatchOptions | None = None,
    on_error: OnError = "raise",
) -> Filled | Iterator[Filled | Failure]:
    """Fill the gaps of a text, written [MASK], with a masked language model.

    text: one text gives one result; an iterable of texts or of mappings with the field `text` gives
    an iterator. options: how many words, or which ones to compare. batch: None reads of a text that
    is too long what stands around its gaps.
    Each gap has its words with their probabilities while all gaps are open; `filled` has the words
    that are most probable together, and `logprob` their log-probability in nats.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text that fails.

    >>> import llmcli
    >>> result = llmcli.fill("The cat sat on the [MASK].")
    >>> result.gaps[0].candidates[0].word == result.filled.split()[-1].rstrip(".")
    True
    """
    call = Call(text, on_error)
    loaded = task.load(model_of(model), work_bytes=call.work_bytes, note=call.notes.add)
    call.notes.add_engine(loaded)
    results = task.fill(loaded, call.rows, options or FillOptions(), batch or WINDOWS)
    return call.returned(results)
