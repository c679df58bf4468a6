"""Answers of a causal model to a conversation, or the next piece of a text, as they are written."""

from collections.abc import Generator as Events
from collections.abc import Sequence
from dataclasses import replace

from llmcli.data.rows import Row
from llmcli.engines.base import Loaded
from llmcli.inference.continuations import Generation
from llmcli.inference.generation import Chunk, Generator, Prompt
from llmcli.inference.prompts import encode_messages, room
from llmcli.spec import Chat, Decoding
from llmcli.tokenization.chat_template import Message


class Replies:
    """Writes answers with one model.

    An answer ends as the model ends it, or where its context does: `max_new_tokens` is a limit only
    if it is set.
    """

    def __init__(self, loaded: Loaded, options: Decoding, chat_template: str | None = None) -> None:
        """chat_template: as in `Chat`. options: one text at a time, with a seed if it samples."""
        if options.max_new_tokens is None and loaded.context is not None:
            options = replace(options, max_new_tokens=-1)
        self._loaded, self._options, self._template = loaded, options, chat_template
        self._generator = Generator(loaded, options, Chat(), "error")

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Turn a conversation into ids (T,). Raises as `encode_messages`."""
        return encode_messages(self._loaded, messages, self._template)

    def answer(self, ids: list[int], *, continues: bool = False) -> Events[Chunk | Generation]:
        """Yield the pieces of the text that follows some ids, then the whole.

        continues: the ids are a text that goes on, so that its first word keeps the space before
        it. Raises InputError where no new token fits.
        """
        limit = room(self._loaded, len(ids), self._options)
        before = ids if continues else []
        row = Row(1, "")
        yield from self._generator.stream(
            Prompt(row, ids, limit, max(1, self._options.beams), before)
        )
