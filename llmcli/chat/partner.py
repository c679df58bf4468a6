"""Who answers in a conversation: a model that is loaded here, or one behind a server."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from llmcli.chat.conversation import Conversation
from llmcli.chat.window import Window
from llmcli.errors import InputError
from llmcli.spec import Decoding


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended."""

    reason: str
    """`end`: as the model ends; `stop`: at a stop string; `length`: at a limit; or what a server
    says."""
    new_tokens: int | None = None
    seconds: float = 0.0


class TooLong(InputError):
    """A partner says, when it is asked, that a conversation is too long for its model."""


class Partner(Protocol):
    """Answers in a conversation."""

    name: str
    """Of the model."""
    context: int | None
    """Tokens that the model reads and writes at most; None if that is unknown."""
    chats: bool
    """It answers messages; else it goes on with the text that both sides have written."""

    def window(self, conversation: Conversation, options: Decoding) -> Window:
        """What of a conversation it reads. Raises InputError where the newest turn does not fit."""

    def answer(self, window: Window, options: Decoding) -> Iterator[str | Ending]:
        """Yield the pieces of an answer, then how it ended. Closing the iterator ends it."""
