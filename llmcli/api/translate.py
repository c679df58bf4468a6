"""llmcli.translate: texts in another language."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, overload

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.inference.translation.results import Translation
from llmcli.spec import SENTENCES, BatchOptions
from llmcli.spec.tasks import TranslateOptions
from llmcli.tasks import translate as task


@overload
def translate(
    text: Text,
    *,
    from_lang: str | None = ...,
    to_lang: str | None = ...,
    model: ModelLike = ...,
    options: TranslateOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError = ...,
) -> Translation: ...
@overload
def translate(
    text: Texts,
    *,
    from_lang: str | None = ...,
    to_lang: str | None = ...,
    model: ModelLike = ...,
    options: TranslateOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: Literal["raise"] = ...,
) -> Iterator[Translation]: ...
@overload
def translate(
    text: Texts,
    *,
    from_lang: str | None = ...,
    to_lang: str | None = ...,
    model: ModelLike = ...,
    options: TranslateOptions | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError,
) -> Iterator[Translation | Failure]: ...
def translate(
    text: Text | Texts,
    *,
    from_lang: str | None = None,
    to_lang: str | None = None,
    model: ModelLike = None,
    options: TranslateOptions | None = None,
    batch: BatchOptions | None = None,
    on_error: OnError = "raise",
) -> Translation | Iterator[Translation | Failure]:
    """Translate a text, or several, sentence by sentence; line breaks and lists stay as they are.

    text: one text gives one result; an iterable of texts or of mappings with the field `text` gives
    an iterator. from_lang, to_lang: a code or a name: "en", "eng", "English". model: None takes a
    starter, or the opus-mt model for the languages. batch: None cuts a sentence that is too long.
    A sentence's `score` is its log-probability in nats, by its length.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text that fails.

    >>> import llmcli
    >>> llmcli.translate("The cat is black.", from_lang="en", to_lang="French").translation
    'Le chat est noir.'
    """
    call = Call(text, on_error)
    options = options or TranslateOptions()
    options = replace(
        options, from_lang=from_lang or options.from_lang, to_lang=to_lang or options.to_lang
    )
    call.require_one_result(options.num_return_sequences)
    loaded = task.load(model_of(model), options, work_bytes=call.work_bytes, note=call.notes.add)
    call.notes.add_engine(loaded)
    results = task.translate(loaded, call.rows, options, batch or SENTENCES)
    return call.returned(results)
