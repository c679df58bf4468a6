"""llmcli.score: how surprising texts are to a model."""

from collections.abc import Iterator
from typing import Literal, overload

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.inference.scoring.results import Score
from llmcli.spec import WINDOWS, BatchOptions
from llmcli.spec.tasks import ScoreOptions
from llmcli.tasks import score as task


@overload
def score(
    text: Text,
    *,
    model: ModelLike = ...,
    beside: ModelLike = ...,
    options: ScoreOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError = ...,
) -> Score: ...
@overload
def score(
    text: Texts,
    *,
    model: ModelLike = ...,
    beside: ModelLike = ...,
    options: ScoreOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: Literal["raise"] = ...,
) -> Iterator[Score]: ...
@overload
def score(
    text: Texts,
    *,
    model: ModelLike = ...,
    beside: ModelLike = ...,
    options: ScoreOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError,
) -> Iterator[Score | Failure]: ...
def score(
    text: Text | Texts,
    *,
    model: ModelLike = None,
    beside: ModelLike = None,
    options: ScoreOptions | None = None,
    batch: BatchOptions | None = None,
    on_error: OnError = "raise",
) -> Score | Iterator[Score | Failure]:
    """The surprisal of each token of a text, or of several, under a language model.

    text: one text gives one result; an iterable of texts or of mappings with the field `text` gives
    an iterator. For an encoder-decoder model, pairs of texts: the target, then its source. beside:
    a second model; the result's `beside` compares both, whatever their vocabularies. batch: None
    scores a text that is too long in windows.
    Of a causal model, the mean surprisal in nats is the cross-entropy, as the loss of transformers;
    of a masked model it is that of the pseudo-log-likelihood.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text that fails.

    >>> import llmcli
    >>> result = llmcli.score("Once upon a time")
    >>> [(token.token, round(token.surprisal, 1)) for token in result.tokens]
    [('Once', 0.2), (' upon', 0.0), (' a', 0.0), (' time', 0.0)]
    """
    call = Call(text, on_error)
    options = options or ScoreOptions()
    note = call.notes.add
    loaded = task.load(model_of(model), work_bytes=call.work_bytes, note=note)
    call.notes.add_engine(loaded)
    other = None
    if beside is not None:
        other = task.load(model_of(beside), work_bytes=call.work_bytes, note=note)
    return call.returned(task.score(loaded, call.rows, options, batch or WINDOWS, other))
