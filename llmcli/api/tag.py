"""llmcli.tag: entities and tags of texts."""

from collections.abc import Iterator, Sequence
from typing import Literal, overload

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.inference.tagging import Tagged
from llmcli.spec import WINDOWS, BatchOptions
from llmcli.spec.tasks import TagOptions
from llmcli.tasks import tag as task


@overload
def tag(
    text: Text,
    *,
    model: ModelLike = ...,
    options: TagOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError = ...,
) -> Tagged: ...
@overload
def tag(
    text: "Texts | Sequence[list[str]]",
    *,
    model: ModelLike = ...,
    options: TagOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: Literal["raise"] = ...,
) -> Iterator[Tagged]: ...
@overload
def tag(
    text: "Texts | Sequence[list[str]]",
    *,
    model: ModelLike = ...,
    options: TagOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError,
) -> Iterator[Tagged | Failure]: ...
def tag(
    text: "Text | Texts | Sequence[list[str]]",
    *,
    model: ModelLike = None,
    options: TagOptions | None = None,
    batch: BatchOptions | None = None,
    on_error: OnError = "raise",
) -> Tagged | Iterator[Tagged | Failure]:
    """Tag a text, or several: named entities, parts of speech, or what the model was trained on.

    text: one text gives one result; an iterable of texts, of mappings with the field `text` or,
    with `options.words`, of lists of words gives an iterator. model: a token classifier; there is
    no default. options: how the tags of tokens become entities. batch: None reads a text that is
    too long in overlapping windows.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text that fails.

    >>> import llmcli
    >>> ner = llmcli.load("dslim/bert-base-NER")  # doctest: +SKIP
    >>> result = llmcli.tag("Emma lives in Paris.", model=ner)  # doctest: +SKIP
    >>> [(entity.text, entity.label, entity.start) for entity in result.entities]  # doctest: +SKIP
    [('Emma', 'PER', 0), ('Paris', 'LOC', 14)]
    """
    options = options or TagOptions()
    if options.words and not isinstance(text, (str, dict)) and isinstance(text, Sequence):
        text = [{"text": words} if isinstance(words, list) else words for words in text]
    call = Call(text, on_error)  # type: ignore[arg-type]  # lists of words are mappings now
    loaded = task.load(model_of(model), work_bytes=call.work_bytes, note=call.notes.add)
    call.notes.add_engine(loaded)
    return call.returned(task.tag(loaded, call.rows, options, batch or WINDOWS))
