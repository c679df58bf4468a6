"""What of a conversation a model reads: the system message and the newest whole turns."""

from collections.abc import Callable
from dataclasses import dataclass

from llmcli.chat.conversation import Conversation
from llmcli.chat.message import Message
from llmcli.errors import InputError

FULL = 0.8  # share of what fits from which a user is warned
ANSWER_SHARE, MOST_FOR_ANSWER = 4, 512
"""A quarter of the context is kept free for the answer, 512 tokens at most."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a conversation that fits."""

    messages: list[Message]
    skipped: int
    """How many of the oldest turns do not fit."""
    tokens: int | None
    """Of the messages; None if nobody can count them here."""
    most: int | None = None
    """As many fit beside an answer; None if that is unknown or there is no limit."""


def kept_free(context: int, new_tokens: int | None) -> int:
    """How many tokens of a context are kept free for an answer.

    new_tokens: the most that the user asked for; None or -1: as many as the model gives.

    >>> kept_free(2048, None), kept_free(100, None), kept_free(2048, 100), kept_free(100, 5000)
    (512, 25, 100, 25)
    """
    usual = max(1, min(MOST_FOR_ANSWER, context // ANSWER_SHARE))
    return usual if not new_tokens or new_tokens < 0 else min(new_tokens, usual)


def fitted(
    conversation: Conversation, count: Callable[[list[Message]], int], most: int | None
) -> Window:
    """Leave out the oldest turns until the messages have `most` tokens; None: there is no limit.

    count: the tokens of some messages, of which fewer never have more. Raises InputError where the
    newest turn alone has too many.
    """
    messages = conversation.messages()
    tokens = count(messages)
    if most is None or tokens <= most:
        return Window(messages, 0, tokens, most)
    least, last = 1, conversation.turns - 1  # of turns that may be left out
    while least < last:
        middle = (least + last) // 2
        if count(conversation.messages(middle)) <= most:
            last = middle
        else:
            least = middle + 1
    messages = conversation.messages(max(last, 0))
    tokens = count(messages)
    if tokens > most:
        raise InputError(
            f"the message has {tokens} tokens with the system message, and {most} fit beside an "
            "answer: shorten it"
        )
    return Window(messages, last, tokens, most)
