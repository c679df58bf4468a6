"""From a conversation to the text that a chat model reads, by the model's Jinja template."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any


def render(
    template: str,
    messages: Sequence[dict[str, Any]],
    add_generation_prompt: bool,
    tokens: dict[str, str],
) -> str:
    """Render a chat template. Raises jinja2's TemplateError if the template refuses.

    add_generation_prompt: end with the beginning of the assistant's turn. tokens: the special
    tokens, by names such as bos_token.
    """
    given = [
        {key: value for key, value in message.items() if value is not None} for message in messages
    ]
    text: str = (
        _environment()
        .from_string(template)
        .render(
            messages=given,
            tools=None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **tokens,
        )
    )
    return text


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
