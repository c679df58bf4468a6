"""llmcli.generate: continuations of texts."""

from collections.abc import Iterator
from typing import Literal, overload

from llmcli.api.call import Call, OnError
from llmcli.api.inputs import ModelLike, Text, Texts, model_of
from llmcli.data.rows import Failure
from llmcli.inference.continuations import Generation
from llmcli.spec import AUTO_BATCH, BatchOptions, Chat, Decoding
from llmcli.tasks import generate as task


@overload
def generate(
    prompt: Text,
    *,
    model: ModelLike = ...,
    options: Decoding | None = ...,
    chat: Chat | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError = ...,
) -> Generation: ...
@overload
def generate(
    prompt: Texts,
    *,
    model: ModelLike = ...,
    options: Decoding | None = ...,
    chat: Chat | None = ...,
    batch: BatchOptions | None = ...,
    on_error: Literal["raise"] = ...,
) -> Iterator[Generation]: ...
@overload
def generate(
    prompt: Texts,
    *,
    model: ModelLike = ...,
    options: Decoding | None = ...,
    chat: Chat | None = ...,
    batch: BatchOptions | None = ...,
    on_error: OnError,
) -> Iterator[Generation | Failure]: ...
def generate(
    prompt: Text | Texts,
    *,
    model: ModelLike = None,
    options: Decoding | None = None,
    chat: Chat | None = None,
    batch: BatchOptions | None = None,
    on_error: OnError = "raise",
) -> Generation | Iterator[Generation | Failure]:
    """Continue a prompt, or several, with a causal language model.

    prompt: one prompt gives one result; an iterable of prompts or of mappings with the field `text`
    gives an iterator, `num_return_sequences` results a prompt. options: None decodes greedily, 256
    new tokens at most. chat: whether prompts go through the model's chat template. batch: None
    refuses a prompt that leaves no room for new tokens. Scores and log-probabilities are in nats.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a prompt that fails.

    >>> import llmcli
    >>> result = llmcli.generate("Once upon a time", options=llmcli.Decoding(max_new_tokens=6))
    >>> result.text, result.new_tokens, result.finish_reason
    (', there was a little girl', 6, 'length')
    """
    call = Call(prompt, on_error)
    options, chat, batch = options or Decoding(), chat or Chat(), batch or AUTO_BATCH
    call.require_one_result(options.num_return_sequences)
    task.check_options(options, chat, batch)
    spec = model_of(model)
    loaded = task.load(spec, options, chat, work_bytes=call.work_bytes, note=call.notes.add)
    call.notes.add_engine(loaded)
    draft = task.load_draft(spec, options)
    results = task.generate(loaded, call.rows, options, chat, batch, draft)
    return call.returned(results)
