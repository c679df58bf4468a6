"""From a conversation to the text that a chat model reads."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any


def render(
    template: str,
    messages: Sequence[dict[str, Any]],
    add_generation_prompt: bool,
    names: dict[str, str],
) -> str:
    """Fill in a chat template. Raises jinja2's TemplateError for what it refuses.

    names: the special tokens, by names such as bos_token.
    """
    said = [{key: value for key, value in one.items() if value is not None} for one in messages]
    text: str = (
        _environment()
        .from_string(template)
        .render(
            messages=said,
            tools=None,
            documents=None,
            add_generation_prompt=add_generation_prompt,
            **names,
        )
    )
    return text


def _environment() -> Any:
    """Where a template runs, which is not to be trusted: it may do what transformers lets it."""
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from jinja2.utils import Namespace

    class Generation(Extension):
        """`{% generation %}`, which marks what a model wrote: its contents stay as they are."""

        tags = {"generation"}

        def parse(self, parser: Any) -> nodes.Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

        def _same(self, caller: Callable[[], str]) -> str:
            return caller()

    class PublicNamespace(Namespace):
        """`namespace`, without names that Python keeps to itself."""

        def __init__(*args: Any, **named: Any) -> None:  # any name may be given, even self
            for name in dict(*args[1:], **named):
                _check_public(name)
            Namespace.__init__(*args, **named)

        def __setitem__(self, name: str, value: Any) -> None:
            _check_public(name)
            super().__setitem__(name, value)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json  # jinja2's own escapes for HTML
    environment.globals |= {
        "raise_exception": _raise,
        "strftime_now": lambda form: datetime.now().strftime(form),
        "dict": _Dict(),
        "namespace": PublicNamespace,
    }
    return environment


class _Dict:
    """`dict`, without the rest of Python's class."""

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
