"""llmcli.forward: one forward pass over a text."""

from collections.abc import Iterator
from typing import Literal, overload

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.tasks import forward as task
from llmcli.tasks.forward import Forward


@overload
def forward(
    text: Text,
    *,
    model: ModelLike = ...,
    top: int = ...,
    on_error: OnError = ...,
) -> Forward: ...
@overload
def forward(
    text: Texts,
    *,
    model: ModelLike = ...,
    top: int = ...,
    on_error: Literal["raise"] = ...,
) -> Iterator[Forward]: ...
@overload
def forward(
    text: Texts,
    *,
    model: ModelLike = ...,
    top: int = ...,
    on_error: OnError,
) -> Iterator[Forward | Failure]: ...
def forward(
    text: Text | Texts,
    *,
    model: ModelLike = None,
    top: int = 1,
    on_error: OnError = "raise",
) -> Forward | Iterator[Forward | Failure]:
    """Run a causal or a masked language model once over a text, and describe each position.

    text: one text gives one result; an iterable of texts or of mappings with the field `text` gives
    an iterator. top: number of most probable tokens at each position.
    `nats` is the surprisal of the token that follows (of a masked model, of the token itself),
    `predicted_text` the decoded argmax of the logits.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text that fails.

    >>> import llmcli
    >>> result = llmcli.forward("Once upon a time")
    >>> [position.best[0].token for position in result.positions]
    [' upon', ' a', ' time', ',']
    """
    call = Call(text, on_error)
    loaded = task.load(model_of(model), note=call.notes.add)
    results = task.forward(loaded, call.rows, top=top)
    return call.returned(results)
