"""What operations of a template would make, computed before they make it.

Each guard takes the budget and the operands or arguments, and raises TemplateLimit for a result
that would be too large, or for a search that would take too long. What has no guard makes little
more than it is given, in a time proportional to it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from llmcli.tokenization.template_budget import BITS, Budget, TemplateLimit

SHORT = 256
"""Characters of what is looked for from the end, and of separators: their lengths multiply."""
Guard = Callable[..., None]
_DIGITS = re.compile(r"\d+")
_NESTED = re.compile(r"\{[^{}]*\{")


def times(budget: Budget, left: Any, right: Any) -> None:
    """Guard `left * right`."""
    for value, count in ((left, right), (right, left)):
        if isinstance(value, (str, list, tuple)) and isinstance(count, int):
            each = len(value) if isinstance(value, str) else budget.weight(value)
            budget.check(each * count)
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right.bit_length())


def power(budget: Budget, left: Any, right: Any) -> None:
    """Guard `left ** right`."""
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() * abs(right))


def modulo(budget: Budget, left: Any, right: Any) -> None:
    """Guard `left % right`, which formats if the left one is a text."""
    if isinstance(left, str):
        formatted(budget, left, "%", right if isinstance(right, tuple) else (right,))


def formatted(budget: Budget, form: str, sign: str, values: Any) -> None:
    """Guard a text with places, each of which begins with `sign`, and the values for them."""
    heaviest = max((budget.weight(value) for value in values), default=0)
    widths = [len(run) > 9 and BITS**2 or int(run) for run in _DIGITS.findall(form)]
    if "*" in form or _NESTED.search(form):  # widths among the values
        widths += [abs(value) for value in values if isinstance(value, int)]
    budget.check(len(form) + form.count(sign) * (heaviest + max(widths, default=0)))


def _check_bits(bits: int) -> None:
    if bits > 2 * BITS:
        raise TemplateLimit(f"a number would have more than {BITS:,} bits")


def _width(budget: Budget, text: Any, width: Any = 80, *_: Any) -> None:
    if isinstance(width, int):
        budget.check(width)


def _replace(budget: Budget, text: Any, old: Any, new: Any, *_: Any, **named: Any) -> None:
    text, old, new = str(text), str(old), str(new)
    budget.check(len(text) + (text.count(old) if old else len(text) + 1) * len(new))


def _join(budget: Budget, items: Any, separator: Any = "", *_: Any, **named: Any) -> None:
    if isinstance(items, (str, list, tuple, dict)):
        budget.check(budget.weight(items) + len(items) * budget.weight(separator))


def _format(budget: Budget, form: Any, *values: Any, **named: Any) -> None:
    formatted(budget, str(form), "%", [*values, *named.values()])


def _indent(budget: Budget, text: Any, width: Any = 4, *_: Any, **named: Any) -> None:
    each = width if isinstance(width, int) else len(str(width))
    text = str(text)
    budget.check(len(text) + (len(text.splitlines()) + 1) * each)


def _count(budget: Budget, items: Any, count: Any, *_: Any, **named: Any) -> None:
    if isinstance(count, int):
        budget.check(count * 64)


def _round(budget: Budget, value: Any, precision: Any = 0, method: Any = "common") -> None:
    if isinstance(value, str) or not isinstance(precision, int) or abs(precision) > SHORT:
        raise TemplateLimit(f"round takes a number and at most {SHORT} digits")


def _sum(budget: Budget, items: Any, attribute: Any = None, start: Any = 0) -> None:
    if not isinstance(start, (int, float)):
        raise TemplateLimit("sum adds numbers")


def _number(budget: Budget, value: Any, *_: Any, **named: Any) -> None:
    if isinstance(value, str) and len(value) > 4300:  # as Python has it, since it takes long
        raise TemplateLimit("a number of more than 4,300 digits")


def _tabs(budget: Budget, text: str, size: Any = 8) -> None:
    if isinstance(size, int):
        budget.check(len(text) + text.count("\t") * size)


def _short(budget: Budget, text: Any, wanted: Any = None, *_: Any, **named: Any) -> None:
    for value in (wanted, *named.values()):
        if isinstance(value, str) and len(value) > SHORT:
            raise TemplateLimit(f"a text of more than {SHORT} characters is looked for")


FILTERS: Mapping[str, Guard | None] = {
    **dict.fromkeys(
        "abs attr capitalize count d default dictsort e escape first float forceescape groupby"
        " items last length list lower map max min reject rejectattr reverse safe select selectattr"
        " sort string title truncate unique upper urlencode wordcount".split()
    ),
    "batch": _count,
    "center": _width,
    "format": _format,
    "indent": _indent,
    "int": _number,
    "join": _join,
    "replace": _replace,
    "round": _round,
    "slice": _count,
    "sum": _sum,
    "trim": _short,
}
"""The filters that a template has, each with its guard. Those of jinja2 that are left out lay out
pages, are random, or take long for some texts."""

TESTS: Mapping[str, Guard | None] = {
    **dict.fromkeys(
        "eq == equalto ne != gt > greaterthan ge >= lt < lessthan le <= in lower upper".split()
    ),
    "divisibleby": modulo,
    "even": lambda budget, value: modulo(budget, value, 2),
    "odd": lambda budget, value: modulo(budget, value, 2),
}
"""Tests that look into a value, or compute; the others ask for its type."""

_TEXT: Mapping[str, Guard | None] = {
    **dict.fromkeys(
        "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit"
        " isidentifier islower isnumeric isprintable isspace istitle isupper lower partition"
        " removeprefix removesuffix split splitlines startswith swapcase title upper"
        " format format_map".split()
    ),
    **dict.fromkeys("lstrip rfind rindex rpartition rsplit rstrip strip".split(), _short),
    **dict.fromkeys("center ljust rjust zfill".split(), _width),
    "expandtabs": _tabs,
    "join": lambda budget, separator, items: _join(budget, items, separator),
    "replace": _replace,
}
_METHODS: Mapping[type, Mapping[str, Guard | None]] = {
    str: _TEXT,
    dict: dict.fromkeys(("copy", "get", "items", "keys", "values")),
    list: dict.fromkeys(("copy", "count", "index")),
    tuple: dict.fromkeys(("count", "index")),
    int: dict.fromkeys(("bit_length", "is_integer")),
    float: dict.fromkeys(("is_integer",)),
}


def guard_of_method(owner: Any, name: str) -> Guard | None:
    """The guard of a method of a Python type, if it has one. Raises TemplateLimit if unknown."""
    for kind, methods in _METHODS.items():
        if isinstance(owner, kind):
            if name in methods:
                return methods[name]
            break
    raise TemplateLimit(f"a template may not call {name} of a {type(owner).__name__}")
