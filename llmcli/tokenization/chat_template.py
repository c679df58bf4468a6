"""From a conversation to the text that a chat model reads, by the model's Jinja template."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from llmcli.errors import InputError, ModelUnsuitable, UsageError, in_one_line, listed
from llmcli.tokenization.typed_text import escaped

DEFAULT = "default"
"""The name of the template that is taken where a model has several."""
Message = Mapping[str, Any]
"""A turn of a conversation: its `role`, its `content`, perhaps more that the template reads."""


class RefusedByTemplate(InputError):
    """A chat template refuses a conversation, or fails; the message has its words and the cure."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A Jinja template with the tokenizer whose special tokens it writes."""

    tokenizer: Any
    source: str
    model_id: str

    def text(self, messages: Sequence[Message], *, prompts: bool) -> str:
        """The text of a conversation, to be tokenized by `encode_typed` with `has_controls`.

        What the template writes are control tokens; special tokens typed in a message are text.
        prompts: end with the beginning of the assistant's turn. Raises RefusedByTemplate.
        """
        from jinja2 import TemplateError

        typed = escaped(self.tokenizer, messages)
        try:
            return render(self.source, typed, prompts, self.tokenizer.special_tokens_map)
        except (TemplateError, *FAULTS) as error:
            words = in_one_line(error) or type(error).__name__
            raise RefusedByTemplate(
                f"the chat template of {self.model_id} refuses this: {words}; {_cure(messages)}"
            ) from None


# What a template can raise besides errors of Jinja: it calls methods of strings and lists.
FAULTS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


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
        return ChatTemplate(tokenizer, _read(wanted, known, model_id), model_id)
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
    """The chat templates of a tokenizer by name; a single one without a name is the default."""
    templates = tokenizer.chat_template
    if isinstance(templates, dict):
        return dict(templates)
    return {DEFAULT: templates} if templates else {}


def _read(wanted: str, known: Mapping[str, str], model_id: str) -> str:
    path = Path(wanted)
    if not path.is_file():
        own = f"; {model_id} has {listed(sorted(known))}" if known else ""
        raise UsageError(
            f"`chat_template` {wanted!r} is neither a file nor a template of the model{own}"
        )
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {wanted}: {error}") from None


def render(
    template: str,
    messages: Sequence[Message],
    add_generation_prompt: bool,
    tokens: Mapping[str, Any],
) -> str:
    """Render a chat template. Raises jinja2's TemplateError if the template refuses.

    add_generation_prompt: end with the beginning of the assistant's turn. tokens: the special
    tokens, by names such as bos_token.
    """
    given = [
        {key: value for key, value in message.items() if value is not None} for message in messages
    ]
    text: str = _compiled(template).render(
        messages=given,
        tools=None,
        documents=None,
        add_generation_prompt=add_generation_prompt,
        **tokens,
    )
    return text


@lru_cache(maxsize=8)
def _compiled(template: str) -> Any:
    return _environment().from_string(template)


def _environment() -> Any:
    """The sandbox for a template, which is untrusted: it may do what transformers allows."""
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_generation_tag(), loopcontrols]
    )
    environment.filters["tojson"] = _to_json  # that of jinja2 escapes for HTML
    environment.globals |= {
        "raise_exception": _raise,
        "strftime_now": lambda form: datetime.now().strftime(form),
        "dict": _Dict(),
        "namespace": _public_namespace(),
    }
    return environment


def _generation_tag() -> Any:
    """The extension for `{% generation %}`, which marks the model's words and keeps them as is."""
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        tags = {"generation"}

        def parse(self, parser: Any) -> nodes.Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

        def _same(self, caller: Callable[[], str]) -> str:
            return caller()

    return Generation


def _public_namespace() -> Any:
    """jinja2's `namespace` without names that begin with an underscore."""
    from jinja2.utils import Namespace

    class PublicNamespace(Namespace):
        def __init__(*args: Any, **named: Any) -> None:  # `self` may be one of the names
            for name in dict(*args[1:], **named):
                _check_public(name)
            Namespace.__init__(*args, **named)

        def __setitem__(self, name: str, value: Any) -> None:
            _check_public(name)
            super().__setitem__(name, value)

    return PublicNamespace


class _Dict:
    """`dict` without the other attributes of Python's class."""

    def __call__(self, *args: Any, **named: Any) -> dict[Any, Any]:
        return dict(*args, **named)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise(message: str) -> None:
    from jinja2 import TemplateError

    raise TemplateError(message)


def _check_public(name: Any) -> None:
    from jinja2.exceptions import SecurityError

    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a namespace cannot hold {name!r}")
