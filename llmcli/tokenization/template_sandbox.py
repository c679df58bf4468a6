"""Where chat templates run: what transformers gives them, within limits of time and space.

A template is compiled to Python by jinja2, whose sandbox keeps it from attributes that lead out.
Operators, calls, filters and tests, and what is written, go through the environment, which counts;
template_code.py adds the places where jinja2 would not ask it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, wraps
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.utils import Namespace

from llmcli.tokenization import template_guards as guards
from llmcli.tokenization.template_budget import (
    COMPILE_SECONDS,
    SECONDS,
    SMALL,
    TemplateLimit,
    TemplateOverrun,
    current,
    limited,
    running,
)
from llmcli.tokenization.template_code import CountingGenerator

LONGEST = 256_000
"""Characters of a template; those of known models have up to 30,000."""
OF_JINJA = ("_loop_vars", "_block_vars")
"""Arguments that jinja2 adds to a call, and takes away before it reaches a method."""
MOST_OVERRUNS = 3
"""After so many conversations that took too long, a template is not tried again."""


def render(source: str, given: Mapping[str, Any]) -> str:
    """Render a template with the variables that it is given.

    Raises whatever the template raises, and TemplateLimit where it takes too much.
    """
    if len(source) > LONGEST:
        raise TemplateLimit(f"it is longer than {LONGEST:,} characters")
    program = _compiled(source)
    if program.error is not None:
        raise program.error.with_traceback(None)
    if program.overruns == MOST_OVERRUNS:
        raise TemplateLimit(f"it took too long for {MOST_OVERRUNS} other conversations")
    template = program.template
    try:
        with limited(given, SECONDS):
            return "".join(template.root_render_func(template.new_context(dict(given))))
    except TemplateOverrun:
        program.overruns += 1
        raise


@dataclass(slots=True)
class _Program:
    """A template that was compiled, or why it cannot be."""

    template: Any = None
    error: Exception | None = None
    overruns: int = 0
    """How often it took too long."""


@lru_cache(maxsize=8)
def _compiled(source: str) -> _Program:
    try:
        with limited(None, COMPILE_SECONDS):
            return _Program(Sandbox().from_string(source))
    except (
        Exception
    ) as error:  # whatever Python's compiler raises, too; it is kept for the next row
        return _Program(error=error)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of a chat template: as transformers has it, and limited."""

    code_generator_class = CountingGenerator
    intercepted_binops = frozenset(("*", "**", "%"))

    def __init__(self) -> None:
        # without the optimizer: it would compute with constants before any budget counts
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            finalize=_written,
            extensions=[_Generation, loopcontrols],
        )
        own_filters: dict[str, Any] = dict(FILTERS)
        self.filters = {
            name: _limited(own_filters[name], guard) for name, guard in guards.FILTERS.items()
        }
        self.filters["tojson"] = _limited(_to_json)  # that of jinja2 escapes for HTML
        own_tests: dict[str, Any] = dict(TESTS)
        self.tests |= {
            name: _limited(own_tests[name], guard) for name, guard in guards.TESTS.items()
        }
        del self.globals["lipsum"]
        self.globals |= {
            "raise_exception": _raise,
            "strftime_now": _strftime_now,
            "dict": _Dict(),
            "namespace": _Namespace,
        }

    def wrote(self, length: int) -> None:
        """Count characters that are written as they are."""
        current().write(length)

    def made(self, value: Any) -> Any:
        """Return a value that a template made, counted."""
        if type(value) is str and len(value) <= SMALL:
            return value
        return current().made(value)

    def ticked(self, value: Any = None) -> Any:
        """Return a value whose computation took time."""
        current().tick()
        return value

    def fitting(self, parts: Sequence[Any]) -> Sequence[Any]:
        """Return values that are joined to one text, which is not too large."""
        budget = current()
        budget.tick()
        budget.check(sum(map(budget.weight, parts)))
        return parts

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute `left operator right`, if the result is not too large."""
        budget = current()
        budget.tick()
        if operator == "*":
            guards.times(budget, left, right)
        elif operator == "**":
            guards.power(budget, left, right)
        else:
            guards.modulo(budget, left, right)
        return budget.made(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **named: Any) -> Any:  # noqa: N805
        """Call what a template calls, if the result is not too large."""
        budget = current()
        budget.tick()
        method = __obj
        if type(method) is FunctionType:  # str.format comes wrapped
            method = getattr(method, "__wrapped__", method)
        if isinstance(method, (BuiltinMethodType, MethodType)):
            args = _checked(method, args, named)
        return budget.made(super().call(__context, __obj, *args, **named))


def _checked(method: Any, args: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
    """The arguments of a method, if its result is not too large; an iterator becomes a list."""
    owner, name, budget = method.__self__, method.__name__, current()
    if isinstance(method, MethodType) and not isinstance(owner, str):  # of jinja2's own objects
        return args
    guard = guards.guard_of_method(owner, name)
    named = {key: value for key, value in named.items() if key not in OF_JINJA}
    if name in ("format", "format_map"):
        values = [*args, *named.values()] if name == "format" else list(dict(*args).values())
        guards.formatted(budget, owner, "{", values)
    elif guard is not None:
        if name == "join":
            args = tuple(map(_in_full, args))
        guard(budget, owner, *args, **named)
    return args


def _in_full(items: Any) -> Any:
    return items if isinstance(items, (str, list, tuple, dict)) else current().made(list(items))


def _limited(function: Callable[..., Any], guard: guards.Guard | None = None) -> Any:
    """A filter or a test that is counted, and whose guard is asked first."""
    skipped = 1 if hasattr(function, "jinja_pass_arg") else 0  # the context comes first
    joins = getattr(function, "__name__", "").endswith("join")

    @wraps(function)
    def within(*args: Any, **named: Any) -> Any:
        budget = current()
        budget.tick()
        if joins and len(args) > skipped:
            args = (*args[:skipped], _in_full(args[skipped]), *args[skipped + 1 :])
        if guard is not None:
            guard(budget, *args[skipped:], **named)
        return budget.made(function(*args, **named))

    return within


def _written(value: Any) -> Any:
    """What a template writes of a value, counted."""
    if not isinstance(value, str):
        current().tick()
        value = str(value)
    running.budget.write(len(value))
    return value


class _Generation(Extension):
    """`{% generation %}`, which marks the model's words and keeps them as they are."""

    tags = {"generation"}

    def parse(self, parser: Any) -> nodes.Node:
        """Read the tag."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("same"), [], [], body).set_lineno(line)

    def same(self, caller: Callable[[], str]) -> str:
        """The words."""
        return caller()

    def filter_stream(self, stream: Any) -> Any:
        """Count the tokens of a template while it is compiled."""
        budget = current()
        for token in stream:
            budget.tick()
            yield token


class _Namespace(Namespace):
    """jinja2's `namespace` without names that begin with an underscore, and with a short text."""

    def __init__(*args: Any, **named: Any) -> None:  # `self` may be one of the names
        for name in dict(*args[1:], **named):
            _check_public(name)
        Namespace.__init__(*args, **named)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_public(name)
        super().__setitem__(name, value)

    def __repr__(self) -> str:
        return "<Namespace>"


def _check_public(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a namespace cannot hold {name!r}")


class _Dict:
    """`dict` without the other attributes of Python's class."""

    def __call__(self, *args: Any, **named: Any) -> dict[Any, Any]:
        return dict(*args, **named)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    budget, length, chunks = current(), 0, []
    for setting in (indent, *(separators or ())):
        if (len(setting) if isinstance(setting, str) else setting or 0) > guards.SHORT:
            raise TemplateLimit("tojson takes a shorter indent, and shorter separators")
    encoder = json.JSONEncoder(
        ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )
    for chunk in encoder.iterencode(value, _one_shot=True):
        length += len(chunk)
        budget.check(length)
        chunks.append(chunk)
    return "".join(chunks)


def _strftime_now(form: str) -> str:
    if len(form) > guards.SHORT:
        raise TemplateLimit(f"a format of a date of more than {guards.SHORT} characters")
    return datetime.now().strftime(form)


def _raise(message: Any) -> None:
    raise TemplateError(message)
