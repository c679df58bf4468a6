"""Conversations of training rows, in the layouts that data sets have, as messages."""

import json
from collections.abc import Sequence
from typing import Any

from llmcli.data.rows import Row
from llmcli.errors import InputError, listed

LISTS = ("messages", "conversations", "conversation")
"""Fields with the turns of a conversation: {role, content}, or ShareGPT's {from, value}."""
QUESTIONS = ("prompt", "instruction", "question", "query")
ANSWERS = ("completion", "response", "output", "answer")
ROLES = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "model", "bot", "chatgpt", "assistant"), "assistant"),
}
"""The names that data sets give to the two speakers; other roles keep theirs."""
Message = dict[str, Any]
"""A turn: `role`, the text `content`, and what else a template may read, such as tool_calls."""


def messages_of(row: Row) -> list[Message]:
    """The messages of a row: its turns, or a prompt and a completion under usual names.

    Raises InputError where they are missing or malformed.
    """
    fields = row.fields
    name = next((name for name in LISTS if fields.get(name) is not None), None)
    messages = _prompt_and_completion(fields) if name is None else _turns(fields[name], name)
    system = fields.get("system")
    if isinstance(system, str) and system and messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": system})
    if not any(map(_is_answer, messages)):
        raise InputError("the assistant says nothing")
    return messages


def _is_answer(message: Message) -> bool:
    says_something = message["content"] or message.get("tool_calls")
    return message["role"] == "assistant" and bool(says_something)


def _turns(value: Any, name: str) -> list[Message]:
    """The messages of a list of turns, which may be written as JSON in a text."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InputError(f"{name!r} is not JSON: {error}") from None
    if not isinstance(value, list) or not value:
        raise InputError(f"{name!r} is not a list of {{role, content}} but {_shortened(value)}")
    return [_message(turn, f"turn {number} of {name!r}") for number, turn in enumerate(value, 1)]


def _message(turn: Any, place: str) -> Message:
    """A turn as a message, whatever its fields are called."""
    if not isinstance(turn, dict):
        raise InputError(f"{place} is not {{role, content}} but {_shortened(turn)}")
    names = ("from", "value") if "from" in turn else ("role", "content")
    role, content = (turn.get(name) for name in names)
    if not isinstance(role, str):
        raise InputError(f"{place} has no {names[0]!r}: it has {listed(turn)}")
    more = {key: value for key, value in turn.items() if key not in names and value is not None}
    if names[1] not in turn and "tool_calls" not in more:
        raise InputError(f"{place} has no {names[1]!r}: it has {listed(turn)}")
    return {"role": ROLES.get(role, role), "content": _content(content, place), **more}


def _content(value: Any, place: str) -> str:
    """The text of a turn: a text, none, or parts of type text, which become lines of one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(_part(part, place) for part in value)
    raise InputError(f"{place} says {_shortened(value)}, which is no text")


def _part(part: Any, place: str) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    if not isinstance(text, str):
        kind = part.get("type") if isinstance(part, dict) else None
        what = f"a part of type {kind!r}" if isinstance(kind, str) else _shortened(part)
        raise InputError(f"{place} has {what}: only texts can be learnt")
    return text


def _prompt_and_completion(fields: dict[str, Any]) -> list[Message]:
    """Messages of a row without a list of turns.

    `input` continues the prompt, and `history`, pairs of question and answer, precedes it.
    """
    question, answer = (
        next((name for name in names if _is_speech(fields.get(name))), None)
        for names in (QUESTIONS, ANSWERS)
    )
    if question is None or answer is None:
        raise InputError(
            "no field 'messages' or 'conversations', nor 'prompt' and 'completion'; it has "
            f"{listed(fields)}"
        )
    asked = fields[question]
    if isinstance(asked, str) and isinstance(fields.get("input"), str) and fields["input"]:
        asked = f"{asked}\n{fields['input']}"
    return [
        *_history(fields.get("history")),
        *_speech(asked, "user", question),
        *_speech(fields[answer], "assistant", answer),
    ]


def _is_speech(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and bool(value))


def _speech(value: Any, role: str, name: str) -> list[Message]:
    """What a field says: turns, or the text of one turn."""
    return _turns(value, name) if isinstance(value, list) else [{"role": role, "content": value}]


def _history(pairs: Any) -> list[Message]:
    """Earlier turns, given as pairs of question and answer."""
    if not pairs:
        return []
    if not isinstance(pairs, list) or not all(map(_is_pair, pairs)):
        raise InputError(f"'history' is not a list of [question, answer] but {_shortened(pairs)}")
    roles = ("user", "assistant")
    return [
        {"role": role, "content": text}
        for pair in pairs
        for role, text in zip(roles, pair, strict=True)
    ]


def _is_pair(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    return is_list and len(value) == 2 and all(isinstance(text, str) for text in value)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
