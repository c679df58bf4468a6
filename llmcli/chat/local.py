"""A model that is loaded here, as a partner: one that chats, or one that writes on."""

from collections.abc import Callable, Iterator
from contextlib import closing

from llmcli.chat.conversation import Conversation
from llmcli.chat.message import Message
from llmcli.chat.partner import Ending
from llmcli.chat.window import Window, fitted, kept_free
from llmcli.decoding.seeds import with_seed
from llmcli.engines.base import Loaded
from llmcli.inference.continuations import Generation
from llmcli.inference.prompts import encode_messages, encode_prompt, has_chat_template
from llmcli.inference.replies import reply
from llmcli.spec import Chat, Decoding

WIDE = "\u2e80"
"""The first of the characters between which no space is written: Chinese, Japanese and others."""
CLOSING = ".,;:!?)]}'\u2019\u201d"


class LocalPartner:
    """Answers with a model of this machine. Implements `Partner`."""

    def __init__(
        self,
        loaded: Loaded,
        load_for: Callable[[Decoding], Loaded],
        chat_template: str | None = None,
    ) -> None:
        """load_for: gives the model on an engine that does what some settings say.

        chat_template: as in `Chat`; a model without one writes on.
        """
        self.name = loaded.checkpoint.model_id
        self.context = loaded.context
        self.chats = chat_template is not None or has_chat_template(loaded)
        self.loaded, self._load_for, self._template = loaded, load_for, chat_template

    def window(self, conversation: Conversation, options: Decoding) -> Window:
        """What of a conversation the model reads; see `Partner`."""
        most = None
        if self.context is not None:
            most = self.context - kept_free(self.context, options.max_new_tokens)
        return fitted(conversation, lambda messages: len(self._encode(messages)), most)

    def answer(self, window: Window, options: Decoding) -> Iterator[str | Ending]:
        """Yield the pieces of an answer, then how it ended; see `Partner`."""
        loaded, ids = self._load_for(options), self._encode(window.messages)
        with closing(reply(loaded, ids, with_seed(options), continues=not self.chats)) as events:
            for event in events:
                if isinstance(event, Generation):
                    yield Ending(event.finish_reason, event.new_tokens, event.seconds)
                elif event.text:
                    yield event.text

    def _encode(self, messages: list[Message]) -> list[int]:
        if self.chats:
            turns = [message.to_dict() for message in messages]
            return encode_messages(self.loaded, turns, self._template)
        return encode_prompt(self.loaded, joined(messages), Chat())


def joined(messages: list[Message]) -> str:
    """The text that both sides have written, with a space where words meet.

    >>> joined([Message("user", "Once upon"), Message("assistant", " a time."), \\
    ...         Message("user", "Then")])
    'Once upon a time. Then'
    """
    text = ""
    for message in messages:
        text += _space(text, message.content) + message.content
    return text


def _space(before: str, after: str) -> str:
    if not before or not after or before[-1].isspace() or after[0].isspace():
        return ""
    return "" if before[-1] >= WIDE or after[0] >= WIDE or after[0] in CLOSING else " "
