"""Conversations, and prompts with what is to follow: only what the model is to say is learnt."""

from collections.abc import Sequence
from typing import Any

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.training.objectives.base import NO_LABEL, Examples, Feature, RowObjective
from llmcli.training.objectives.causal import Causal

ANSWERS = ("completion", "response", "output", "answer")
QUESTIONS = ("prompt", "instruction", "question")


def turns(row: Row) -> list[dict[str, str]]:
    """The messages of a row: its `messages`, or a prompt and a completion under usual names.

    Raises InputError, with the line, where they are not there or are malformed.
    """
    place = f"line {row.number}"
    fields = row.fields
    messages: Any
    if "messages" in fields:
        messages = fields["messages"]
        good = isinstance(messages, list) and all(
            isinstance(one, dict)
            and isinstance(one.get("role"), str)
            and isinstance(one.get("content"), str)
            for one in messages
        )
        if not good:
            raise InputError(f"{place}: 'messages' is no list of {{role, content}}")
    else:
        asked = next((name for name in QUESTIONS if isinstance(fields.get(name), str)), None)
        said = next((name for name in ANSWERS if isinstance(fields.get(name), str)), None)
        if asked is None or said is None:
            names = ", ".join(map(repr, fields)) or "none"
            raise InputError(
                f"{place}: no field 'messages', nor 'prompt' and 'completion'; it has {names}"
            )
        more = fields.get("input")
        question = f"{fields[asked]}\n{more}" if isinstance(more, str) and more else fields[asked]
        messages = [
            {"role": "user", "content": question},
            {"role": "assistant", "content": fields[said]},
        ]
        if isinstance(fields.get("system"), str):
            messages.insert(0, {"role": "system", "content": fields["system"]})
    if not any(one["role"] == "assistant" and one["content"] for one in messages):
        raise InputError(f"{place}: the assistant says nothing")
    known: list[dict[str, str]] = messages
    return known


class Conversation(Causal, RowObjective):
    """The loss is on the assistant's words and on the token that ends them."""

    def examples(self, rows: Sequence[Row]) -> Examples:
        found = Examples([], len(rows))
        for row in rows:
            feature = self._feature(turns(row))
            found.cut += len(feature["input_ids"]) > self.limit
            feature = {name: value[: self.limit] for name, value in feature.items()}
            if any(label != NO_LABEL for label in feature["labels"]):
                found.features.append(feature)
        return found

    def _feature(self, messages: list[dict[str, str]]) -> Feature:
        if getattr(self.tokenizer, "chat_template", None):
            text, spans = self._with_template(messages)
            special = False
        else:
            text, spans = self._plain(messages)
            special = True
        encoded = self.tokenizer(
            text, add_special_tokens=special, return_offsets_mapping=True, verbose=False
        )
        labels = [
            id if start < stop and any(a <= start < b for a, b in spans) else NO_LABEL
            for id, (start, stop) in zip(
                encoded["input_ids"], encoded["offset_mapping"], strict=True
            )
        ]
        return {"input_ids": list(encoded["input_ids"]), "labels": labels}

    def _with_template(self, messages: list[dict[str, str]]) -> tuple[str, list[tuple[int, int]]]:
        """The whole text, and where in it the assistant speaks, with what ends its turn."""
        spans = []
        whole = self._render(messages, False)
        for at, one in enumerate(messages):
            if one["role"] != "assistant":
                continue
            before = self._render(messages[:at], True)
            after = self._render(messages[: at + 1], False)
            if not (after.startswith(before) and whole.startswith(after.rstrip())):
                raise InputError(
                    "the chat template changes earlier turns: it cannot be learnt from"
                )
            spans.append((len(before), len(after)))
        return whole, spans

    def _render(self, messages: list[dict[str, str]], opens: bool) -> str:
        text: str = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=opens
        )
        return text

    def _plain(self, messages: list[dict[str, str]]) -> tuple[str, list[tuple[int, int]]]:
        """A model without a template: the turns one after another, the end token after answers."""
        text, spans = "", []
        for one in messages:
            if one["role"] == "assistant":
                said = one["content"] + self.tokenizer.eos_token
                spans.append((len(text), len(text) + len(said)))
                text += said
            else:
                text += one["content"] + "\n"
        return text, spans
