"""The shape of values that were read from a file: what is where, in the words of a message."""

import re
from typing import Any, TypeVar

Shape = TypeVar("Shape")
DEPTH = 64  # of lists and objects in one another; real files have fewer than 10
PLACE = re.compile(r" - at `(?:key` in `)?\$(.*)`$")
STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
EXPECTED = re.compile(r"Expected `([^`]+)`(?: (>=|>|<=|<) (\S+))?(?:, got `[^`]+`)?")
MISSING = re.compile(r"Object missing required field `(.+?)`")
NAMES = {
    "object": "an object",
    "array": "a list",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "null": "null",
}
"""The types of msgspec in words."""
BOUNDS = {">=": "of at least", ">": "above", "<=": "of at most", "<": "below"}


class Misshapen(ValueError):
    """What is wrong with a value, in one line that names the path of the key."""


def shaped(value: Any, schema: type[Shape]) -> Shape:
    """A value converted to a type that msgspec knows; unknown keys pass. Raises Misshapen."""
    if schema is dict and isinstance(value, dict):
        return value  # type: ignore[return-value]  # no library is needed for this
    import msgspec

    try:
        return msgspec.convert(value, schema)
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        raise Misshapen(_in_words(value, schema, str(error))) from None


def require_shallow(value: Any, most: int) -> None:
    """Raise Misshapen if lists and objects nest deeper than DEPTH. most: how many there can be."""
    level, depth = [value], 0
    while most > DEPTH and level:
        if depth > DEPTH:
            raise Misshapen(f"it nests more than {DEPTH} lists and objects in one another")
        containers = (each.values() if isinstance(each, dict) else each for each in level)
        level = [part for parts in containers for part in parts if isinstance(part, (dict, list))]
        depth += 1


def kind_of_value(value: Any) -> str:
    """A value in words: its kind, and what it is if it is short.

    >>> kind_of_value([1, 2]), kind_of_value("cat"), kind_of_value(True), kind_of_value(2.5)
    ('a list', "the text 'cat'", 'true', '2.5')
    """
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, str):
        return f"the text {value[:40]!r}" + ("..." if len(value) > 40 else "")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def _in_words(whole: Any, schema: Any, message: str) -> str:
    """msgspec's message as `key` is a list, a number was expected."""
    place = PLACE.search(message)
    steps = [name or index for name, index in STEP.findall(place[1])] if place else []
    found, path = _at(whole, steps, schema, message)
    name = f"`{path}`" if path else "it"
    missing = MISSING.match(message)
    if missing:
        return f"`{path}.{missing[1]}` is missing" if path else f"`{missing[1]}` is missing"
    expected = EXPECTED.match(message)
    if not expected:
        reason = message[: place.start()] if place else message
        return f"{name} is {kind_of_value(found)}: {reason[:1].lower()}{reason[1:]}"
    kinds = [NAMES.get(kind, kind) for kind in expected[1].split(" | ")]
    wanted = " or ".join(kinds)
    if expected[2]:
        wanted += f" {BOUNDS[expected[2]]} {expected[3]}"
    return f"{name} is {kind_of_value(found)}, {wanted} was expected"


def _at(whole: Any, steps: list[str], schema: Any, message: str) -> tuple[Any, str]:
    """The value that a path of msgspec leads to, and the path with all keys by their names."""
    value, path = whole, ""
    for at, step in enumerate(steps):
        if step == "...":  # msgspec does not name the keys of dictionaries
            step = _faulty_key(whole, steps[:at], value, schema)
        if isinstance(value, list):
            value, path = value[int(step)], f"{path}[{step}]"
        else:
            value, path = value[step], f"{path}.{step}" if path else str(step)
    return value, path


def _faulty_key(whole: Any, steps: list[str], inner: dict[Any, Any], schema: Any) -> Any:
    """The first key of an inner dictionary for which alone the conversion fails in that place."""
    import msgspec

    entries = dict(inner)
    try:
        for key, value in entries.items():
            inner.clear()
            inner[key] = value
            try:
                msgspec.convert(whole, schema)
            except (msgspec.ValidationError, ValueError, OverflowError):
                return key
    finally:
        inner.clear()
        inner.update(entries)
    return next(iter(entries))
