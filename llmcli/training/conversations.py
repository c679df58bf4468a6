"""Conversations, and prompts with completions: their messages, and the text that a model sees."""

from collections.abc import Sequence
from typing import Any

from llmcli.data.rows import Row
from llmcli.errors import InputError

ANSWERS = ("completion", "response", "output", "answer")
QUESTIONS = ("prompt", "instruction", "question")
Message = dict[str, str]
Span = tuple[int, int]
"""Where the assistant speaks in a text, in characters: from, to."""


def messages_of(row: Row) -> list[Message]:
    """The messages of a row: its `messages`, or a prompt and a completion under usual names.

    Raises InputError where they are missing or malformed.
    """
    if "messages" in row.fields:
        messages: list[Message] = row.fields["messages"]
        if not isinstance(messages, list) or not all(map(_is_message, messages)):
            raise InputError("'messages' is not a list of {role, content}")
    else:
        messages = _prompt_and_completion(row.fields)
    if not any(message["role"] == "assistant" and message["content"] for message in messages):
        raise InputError("the assistant says nothing")
    return messages


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(name), str) for name in ("role", "content")
    )


def _prompt_and_completion(fields: dict[str, Any]) -> list[Message]:
    """Messages of a row without `messages`; `input` continues the prompt, `system` precedes it."""

    def first_text(names: Sequence[str]) -> str | None:
        return next((fields[name] for name in names if isinstance(fields.get(name), str)), None)

    prompt, completion = first_text(QUESTIONS), first_text(ANSWERS)
    if prompt is None or completion is None:
        names = ", ".join(map(repr, fields)) or "none"
        raise InputError(f"no field 'messages', nor 'prompt' and 'completion'; it has {names}")
    more = fields.get("input")
    if isinstance(more, str) and more:
        prompt = f"{prompt}\n{more}"
    messages = [
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": completion},
    ]
    if isinstance(fields.get("system"), str):
        messages.insert(0, {"role": "system", "content": fields["system"]})
    return messages


def templated_text(tokenizer: Any, messages: list[Message]) -> tuple[str, list[Span]]:
    """The text of the tokenizer's chat template, and the spans in which the assistant speaks.

    A span includes what ends the turn. Raises InputError for a template that changes earlier turns.
    """

    def render(messages: list[Message], prompts: bool) -> str:
        text: str = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=prompts
        )
        return text

    spans = []
    whole = render(messages, False)
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before = render(messages[:index], True)
        after = render(messages[: index + 1], False)
        if not (after.startswith(before) and whole.startswith(after.rstrip())):
            raise InputError("the chat template changes earlier turns: it cannot be learnt from")
        spans.append((len(before), len(after)))
    return whole, spans


def plain_text(tokenizer: Any, messages: list[Message]) -> tuple[str, list[Span]]:
    """Without a template: the turns one after another, the end token after each answer."""
    text, spans = "", []
    for message in messages:
        if message["role"] == "assistant":
            answer = message["content"] + tokenizer.eos_token
            spans.append((len(text), len(text) + len(answer)))
            text += answer
        else:
            text += message["content"] + "\n"
    return text, spans
