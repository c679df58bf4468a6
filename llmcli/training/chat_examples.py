"""Conversations as the texts that a chat model learns from, and where in them the assistant speaks.

A template may write an earlier turn otherwise once another follows: it leaves out its thoughts, or
ends the whole with a token. What the model sees when it answers is what it must learn from, so
such a conversation becomes several texts, one for each state that it was answered in.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmcli.errors import InputError
from llmcli.tokenization.chat_template import ChatTemplate, RefusedByTemplate
from llmcli.tokenization.typed_text import escaped
from llmcli.training.conversations import Message

Span = tuple[int, int]
"""Where the assistant speaks in a text, in characters: from, to."""

UNSAID = "\ue000"
"""What no answer begins with: a character for private use."""
PLAIN = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{{ message['content'] + eos_token }}{% else %}{{ message['content'] + '\\n' }}"
    "{% endif %}{% endfor %}"
)


def plain_template(tokenizer: Any) -> str:
    """The chat template that a base model gets: a line for each question, and ended answers."""
    alone: list[int] = tokenizer("", verbose=False)["input_ids"]
    begins = tokenizer.bos_token_id is not None and alone[:1] == [tokenizer.bos_token_id]
    return ("{{ bos_token }}" if begins else "") + PLAIN


@dataclass(slots=True)
class ChatText:
    """A text, and the spans in which the assistant speaks; a span includes what ends the turn."""

    text: str
    spans: list[Span]


def chat_texts(template: ChatTemplate, messages: Sequence[Message]) -> list[ChatText]:
    """The texts of a conversation up to its last answer: one, unless the template needs several.

    Raises RefusedByTemplate, and InputError for a template whose text does not show what the
    assistant says.
    """
    texts: list[ChatText] = []
    for index, message in enumerate(messages):
        if message["role"] != "assistant" or not message.get("weight", 1):
            continue
        after = template.text(messages[: index + 1], prompts=False)
        span = (_start(template, messages[: index + 1], after), len(after))
        if texts and _continues(texts[-1], after):
            texts[-1].text = after
            texts[-1].spans.append(span)
        else:
            texts.append(ChatText(after, [span]))
    return texts


def _continues(earlier: ChatText, after: str) -> bool:
    """True if a text begins with an earlier one; blanks at its end may have changed."""
    common = _common(earlier.text, after)
    if common < len(earlier.text.rstrip()):
        return False
    start, stop = earlier.spans[-1]
    earlier.spans[-1] = (start, min(stop, common))
    return True


def _start(template: ChatTemplate, messages: Sequence[Message], after: str) -> int:
    """Where the last message, an answer, begins in the text `after` of all of them.

    That is where the model's turn begins when it is prompted. A template that opens a thought in
    the prompt alone writes it otherwise: the answer then begins where the two texts part.
    """
    *earlier, answer = messages
    try:
        before = template.text(earlier, prompts=True)
    except RefusedByTemplate:
        if earlier:
            raise
        before = ""  # the template needs a turn to begin with
    if before and after.startswith(before):
        return len(before)
    other = template.text([*earlier, {**answer, "content": UNSAID}], prompts=False)
    said = _common(other, after)  # where the two answers begin
    if not before:
        return said
    common, asked = _common(before, after), _typed(template, earlier)
    if asked in before and before.rfind(asked) + len(asked) > common:
        raise InputError(
            f"the chat template of {template.model_id} writes the turns before an answer otherwise "
            "once it is given: choose another by `chat_template`"
        )
    return min(common, said)


def _typed(template: ChatTemplate, messages: Sequence[Message]) -> str:
    """What the last of some messages says, as the template's text has it."""
    content = str(messages[-1]["content"]).strip() if messages else ""
    text: str = escaped(template.tokenizer, content)
    return text


def _common(first: str, second: str) -> int:
    """The number of characters that two texts have in common at the beginning."""
    return len(os.path.commonprefix([first, second]))
