"""llmcli.stream: a text while it is generated."""

from collections.abc import Iterator

from llmcli.api.call import Call
from llmcli.api.inputs import ModelLike, Text, model_of
from llmcli.data.rows import Failure
from llmcli.errors import UsageError
from llmcli.inference.continuations import Generation
from llmcli.inference.generation import Chunk
from llmcli.spec import AUTO_BATCH, BatchOptions, Chat, Decoding
from llmcli.tasks import generate as task


class Stream(Iterator[str]):
    """The pieces of one text, as soon as no later token can change them; joined, the whole text."""

    def __init__(self, events: Iterator[Chunk | Generation | Failure], call: Call) -> None:
        self._events, self._call = events, call
        self._result: Generation | None = None

    def __next__(self) -> str:
        for event in self._events:
            if isinstance(event, Failure):
                raise event.cause
            if isinstance(event, Generation):
                self._result = self._call.noted(event)
            elif event.text:
                return event.text
        raise StopIteration

    @property
    def result(self) -> Generation:
        """The whole result, as `generate` gives it; what is not generated yet is generated now."""
        for _ in self:
            pass
        if self._result is None:
            raise UsageError("the stream failed: it has no result")
        return self._result


def stream(
    prompt: Text,
    *,
    model: ModelLike = None,
    options: Decoding | None = None,
    chat: Chat | None = None,
    batch: BatchOptions | None = None,
) -> Stream:
    """Continue a prompt, and give its text piece by piece while it is generated.

    The arguments are those of `generate`, for one prompt; with beams, the text comes as a whole.
    Raises UsageError, ModelNotFound, ModelUnsuitable at once, InputError at the first piece.

    >>> import llmcli
    >>> pieces = llmcli.stream("Once upon a time", options=llmcli.Decoding(max_new_tokens=6))
    >>> "".join(pieces)
    ', there was a little girl'
    >>> pieces.result.finish_reason
    'length'
    """
    call = Call(prompt)
    if not call.is_one:
        raise UsageError("one prompt is streamed at a time: call `stream` for each")
    options, chat, batch = options or Decoding(), chat or Chat(), batch or AUTO_BATCH
    task.check_options(options, chat, batch)
    spec = model_of(model)
    loaded = task.load(spec, options, chat, note=call.notes.add)
    call.notes.add_engine(loaded)
    draft = task.load_draft(spec, options)
    return Stream(task.stream(loaded, call.rows, options, chat, batch, draft), call)
