"""A conversation that grows turn by turn, and can be taken back."""

from collections.abc import Sequence
from typing import Any

from llmcli.chat.message import Message, Role
from llmcli.errors import InputError

KINDS: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "a number": (int, float),
    "a text": (str,),
    "a list": (list,),
}


class Conversation:
    """Turns: what the user said, and what the assistant answered, if it has yet."""

    def __init__(self, system: str | None = None) -> None:
        """system: the message that tells the assistant how to behave."""
        self.system = system
        self._turns: list[list[Message]] = []

    @property
    def turns(self) -> int:
        """How many times the user spoke."""
        return len(self._turns)

    def messages(self, skipped: int = 0) -> list[Message]:
        """Return the system message and the turns. skipped: how many of the oldest are left out."""
        start = [] if self.system is None else [Message("system", self.system)]
        return start + [message for turn in self._turns[skipped:] for message in turn]

    def ask(self, text: str) -> None:
        """Begin a turn."""
        self._turns.append([Message("user", text)])

    def answer(self, text: str) -> None:
        """End the newest turn with an answer; one that it has is replaced."""
        self._turns[-1][1:] = [Message("assistant", text)]

    def forget_answer(self) -> bool:
        """Take back the newest answer, so that another can be given. False if there is none."""
        if not self._turns or self.last_is_open():
            return False
        del self._turns[-1][1:]
        return True

    def last_is_open(self) -> bool:
        """True if the newest turn has no answer."""
        return bool(self._turns) and len(self._turns[-1]) == 1

    def undo(self) -> str | None:
        """Take back the newest turn; return what the user had said. None if there is no turn."""
        return self._turns.pop()[0].content if self._turns else None

    def clear(self) -> None:
        """Forget all turns. The system message stays."""
        self._turns.clear()

    def last(self, role: Role) -> str | None:
        """Return the newest message of one side; None if it has said nothing."""
        said = (message.content for message in reversed(self.messages()) if message.role == role)
        return next(said, None)


def read_conversation(value: Any, name: str) -> Conversation:
    """Make a conversation of messages as JSON has them: a list, or an object with `messages`.

    A system message comes first, then the user and the assistant take turns. name: where the
    messages stand. Raises InputError, which names the message that is not as expected.

    >>> value = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi!"}]
    >>> read_conversation(value, "talk.json").last("assistant")
    'Hi!'
    """
    entries = value.get("messages") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise InputError(f"{name} holds no conversation: a list of messages was expected")
    conversation = Conversation()
    for number, entry in enumerate(entries, 1):
        _add(
            conversation, _message(entry, f"{name}: message {number}"), f"{name}: message {number}"
        )
    return conversation


def _message(entry: Any, place: str) -> Message:
    role, content = (entry.get(key) if isinstance(entry, dict) else None for key in FIELDS)
    if role not in ("system", "user", "assistant"):
        raise InputError(f"{place}: role is {role!r}; system, user or assistant was expected")
    if not isinstance(content, str):
        raise InputError(f"{place}: content is {_kind(content)}; a text was expected")
    return Message(role, content)


FIELDS = ("role", "content")


def _kind(value: Any) -> str:
    return next((name for name, kinds in KINDS.items() if isinstance(value, kinds)), "an object")


def _add(conversation: Conversation, message: Message, place: str) -> None:
    is_first = conversation.turns == 0 and conversation.system is None
    if message.role == "system" and is_first:
        conversation.system = message.content
    elif message.role == "user" and _is_answered(conversation):
        conversation.ask(message.content)
    elif message.role == "assistant" and not _is_answered(conversation):
        conversation.answer(message.content)
    else:
        raise InputError(
            f"{place}: role is {message.role!r} where another was expected: first the system, if "
            "at all, then user and assistant in turn"
        )


def _is_answered(conversation: Conversation) -> bool:
    messages: Sequence[Message] = conversation.messages()
    return not messages or messages[-1].role != "user"
