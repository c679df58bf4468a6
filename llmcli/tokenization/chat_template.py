"""From a conversation to the text that a chat model reads, by the model's Jinja template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmcli.errors import InputError, ModelUnsuitable, UsageError, in_one_line, listed
from llmcli.system.metadata import Metadata
from llmcli.tokenization.typed_text import escaped

DEFAULT = "default"
"""The name of the template that is taken where a model has several."""
Message = Mapping[str, Any]
"""A turn of a conversation: its `role`, its `content`, perhaps more that the template reads."""


class RefusedByTemplate(InputError):
    """A chat template refuses a conversation, or fails; the message has its words and the cure."""


class RefusedByModel(RefusedByTemplate, ModelUnsuitable):
    """The chat template is the model's own: the row fails, or without rows the model is unfit."""

    exit_code = ModelUnsuitable.exit_code


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A Jinja template with the tokenizer whose special tokens it writes."""

    tokenizer: Any
    source: str
    model_id: str
    file: str | None = None
    """Where the user's own template was read; None for one of the model."""

    def text(self, messages: Sequence[Message], *, prompts: bool) -> str:
        """The text of a conversation, to be tokenized by `encode_typed` with `has_controls`.

        What the template writes are control tokens; special tokens typed in a message are text.
        prompts: end with the beginning of the assistant's turn. Raises RefusedByTemplate.
        """
        typed = escaped(self.tokenizer, messages)
        try:
            text = _rendered(self.source, typed, prompts, self.tokenizer.special_tokens_map)
        except MemoryError:
            raise
        except Exception as error:  # a stranger's program may raise anything
            words = _words(error)
        else:
            words = "" if text.strip() else "it writes nothing"
        if words:  # raised here, without what the template held
            raise self._refusal(words, _cure(messages))
        return text

    def _refusal(self, words: str, cure: str) -> RefusedByTemplate:
        if self.file is not None:
            return RefusedByTemplate(f"the chat template {self.file} refuses this: {words}; {cure}")
        return RefusedByModel(f"the chat template of {self.model_id} refuses this: {words}; {cure}")


def _rendered(
    source: str, messages: Sequence[Message], prompts: bool, tokens: Mapping[str, Any]
) -> str:
    """The text of a template. tokens: the special tokens, by names such as bos_token."""
    from llmcli.tokenization.template_sandbox import render

    given = [
        {key: value for key, value in message.items() if value is not None} for message in messages
    ]
    text = render(
        source,
        dict(messages=given, tools=None, documents=None, add_generation_prompt=prompts, **tokens),
    )
    text.encode()  # raises for half of a character, which no tokenizer reads
    return text


def _words(error: Exception) -> str:
    """What an error says; where its words mean little alone, with its kind."""
    from jinja2 import TemplateError

    from llmcli.tokenization.template_budget import TemplateLimit

    words, kind = in_one_line(error), type(error).__name__
    if words and isinstance(error, (TemplateError, TemplateLimit)):
        return words
    return f"{kind}: {words}" if words else kind


def _cure(messages: Sequence[Message]) -> str:
    """What could be changed about a conversation that a template refuses."""
    roles = [message["role"] for message in messages]
    turns = [role for role in roles if role != "system"]
    if turns[:1] == ["assistant"]:
        return "begin with a turn of the user"
    if any(role == after for role, after in zip(turns, turns[1:], strict=False)):
        return "let user and assistant take turns"
    if "system" in roles:
        return "leave out `system`, or choose another template by `chat_template`"
    return "choose another template by `chat_template`"


def choose_template(tokenizer: Any, wanted: str | None, model_id: str) -> ChatTemplate:
    """The chat template of a model that is used.

    wanted: the name of one of its templates, or a file; None: its only one, or its default.
    Raises ModelUnsuitable where it has none, or several and no default; UsageError for a name that
    is unknown, InputError for a file that cannot be read.
    """
    known = named_templates(tokenizer)
    if wanted is not None and wanted not in known:
        return ChatTemplate(tokenizer, _read(wanted, known, model_id), model_id, wanted)
    if not known:
        raise ModelUnsuitable(
            f"{model_id} is a base model, without a chat template: leave out `chat` and `system`, "
            "or give a file by `chat_template`"
        )
    name = wanted or (next(iter(known)) if len(known) == 1 else DEFAULT)
    if name not in known:
        raise ModelUnsuitable(
            f"{model_id} has several chat templates, and none is called default: choose one by "
            f"`chat_template`: {listed(sorted(known))}"
        )
    return ChatTemplate(tokenizer, known[name], model_id)


def named_templates(tokenizer: Any) -> dict[str, str]:
    """The chat templates of a tokenizer by name; a single one without a name is the default.

    Raises ModelUnsuitable for what is no template.
    """
    templates = tokenizer.chat_template
    if isinstance(templates, str):
        return {DEFAULT: templates} if templates else {}
    if templates is None:
        return {}
    pairs = templates.items() if isinstance(templates, dict) else [("", templates)]
    for name, template in pairs:
        if not isinstance(name, str) or not isinstance(template, str):
            raise ModelUnsuitable(
                f"tokenizer_config.json: chat_template holds {_kind(template)}, a text was "
                "expected, or a list of names and texts; download the model again"
            )
    return dict(templates)


def by_name(templates: Sequence[Any], path: Path) -> dict[str, str]:
    """The templates of a list, each with its name, as tokenizer_config.json has them.

    Raises ModelUnsuitable.
    """
    for entry in templates:
        values = [entry.get(key) for key in ("name", "template")] if isinstance(entry, dict) else []
        if not values or not all(isinstance(value, str) for value in values):
            raise ModelUnsuitable(
                f"{path}: chat_template is a list that holds {_kind(entry)}, a name and a "
                "template were expected, both texts; download the model again"
            )
    return {entry["name"]: entry["template"] for entry in templates}


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _read(wanted: str, known: Mapping[str, str], model_id: str) -> str:
    path = Path(wanted)
    if not path.is_file():
        own = f"; {model_id} has {listed(sorted(known))}" if known else ""
        raise UsageError(
            f"`chat_template` {wanted!r} is neither a file nor a template of the model{own}"
        )
    return Metadata(path).text()
