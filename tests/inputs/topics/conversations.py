"""Conversations to learn from, and chat templates."""

import json
from typing import Any

from tests.inputs.case import Case

USER, ASSISTANT = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}
CHECK = "finetune -m {tiny_chat} --chat --train rows.jsonl --check --json -q"
ASK = "generate -m {tiny_chat} hello -n 1"


def learnt(form: str, **fields: Any) -> Case:
    """A layout of a row that is read."""
    rows = "".join(f"{json.dumps(fields)}\n" for _ in range(12))
    return Case(form=form, files={"rows.jsonl": rows}, runs=(CHECK,), texts=[""] * 12)


def refused(form: str, says: str, **fields: Any) -> Case:
    """A layout of a row that is refused, beside one that is read."""
    rows = ({"messages": [USER, ASSISTANT]}, fields)
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    return Case(form=form, files={"rows.jsonl": text}, runs=(CHECK,), says=says, code=1)


def template(form: str, source: str, more: str, says: str) -> Case:
    """A chat template that refuses a conversation."""
    line = f"{ASK} --chat-template own.jinja {more}".rstrip()
    return Case(form=form, files={"own.jinja": source}, runs=(line,), says=says, code=3)


ALTERNATES = (
    "{% for m in messages %}{% if m.role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}{{ m.content }}{% endfor %}"
)
CASES = (
    learnt("`messages`: turns of `role` and `content`", messages=[USER, ASSISTANT]),
    learnt("`conversations`: the same", conversations=[USER, ASSISTANT]),
    learnt(
        "ShareGPT: `conversations` with `from` and `value`",
        conversations=[{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}],
    ),
    learnt("`prompt` and `completion`: texts", prompt="hi", completion="yes"),
    learnt("`prompt` and `completion`: lists of turns", prompt=[USER], completion=[ASSISTANT]),
    learnt("Alpaca: `instruction`, `input`, `output`", instruction="say", input="a", output="b"),
    learnt(
        "content in parts of type `text`",
        messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}, ASSISTANT],
    ),
    learnt("content that is null", messages=[{"role": "user", "content": None}, ASSISTANT]),
    learnt("the assistant begins", messages=[ASSISTANT, USER, ASSISTANT]),
    learnt("`messages` as JSON in a text", messages=json.dumps([USER, ASSISTANT])),
    refused(
        "a part that is no text",
        "a part of type 'image'",
        messages=[{"role": "user", "content": [{"type": "image"}]}, ASSISTANT],
    ),
    refused("no turn of the assistant", "the assistant says nothing", messages=[USER]),
    refused("none of these fields", "no field 'messages' or 'conversations'", text="hi"),
    template("a template that refuses a turn", ALTERNATES, "-s x", "System role not supported"),
    template("a template that fails", "{{ messages[3].content }}", "", "has no element 3"),
    Case(
        form="a template of one's own, in a file",
        files={"own.jinja": "{{ messages[0].content }}"},
        runs=(f"{ASK} --chat-template own.jinja",),
    ),
)
