"""llmcli.tokenize: the tokens of texts."""

from collections.abc import Iterator
from typing import Literal, overload

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.tasks import tokenize as task
from llmcli.tasks.tokenize import Tokenized


@overload
def tokenize(
    text: Text,
    *,
    model: ModelLike = ...,
    special: bool = ...,
    on_error: OnError = ...,
) -> Tokenized: ...
@overload
def tokenize(
    text: Texts,
    *,
    model: ModelLike = ...,
    special: bool = ...,
    on_error: Literal["raise"] = ...,
) -> Iterator[Tokenized]: ...
@overload
def tokenize(
    text: Texts,
    *,
    model: ModelLike = ...,
    special: bool = ...,
    on_error: OnError,
) -> Iterator[Tokenized | Failure]: ...
def tokenize(
    text: Text | Texts,
    *,
    model: ModelLike = None,
    special: bool = True,
    on_error: OnError = "raise",
) -> Tokenized | Iterator[Tokenized | Failure]:
    """Split a text, or several, into the tokens that a model sees.

    text: one text gives one result; an iterable of texts or of mappings with the field `text` gives
    an iterator. special: whether to add the tokens that the model expects around a text.
    `start` and `end` of a token are characters of the text; None if the tokenizer has no offsets.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text that fails.

    >>> import llmcli
    >>> result = llmcli.tokenize("Once upon a time")
    >>> [token.token for token in result.tokens]
    ['Once', ' upon', ' a', ' time']
    """
    call = Call(text, on_error)
    vocabulary = task.load_vocabulary(model_of(model), call.notes.add)
    results = task.tokenize(vocabulary, call.rows, special=special)
    return call.returned(results)
