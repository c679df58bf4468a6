"""The shape of values that were read from a file: what is where, and a fault in one line.

Written here and not taken from a library: msgspec, the fastest one, needs 20 ms to begin, which is
3% of a whole run of `llmcli generate`, and its messages do not name the keys of dictionaries.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

REPEATED_GROUP = re.compile(r"\)[*+{]")
DEPTH = 64  # of lists and objects in one another; real files have fewer than 10


class Misshapen(ValueError):
    """What is wrong with a value, in one line that names the path of the key."""


class Shape:
    """What a value must be. Plain classes: dataclasses would take 7 ms to import."""

    def __init__(self, words: str) -> None:
        self.words = words
        """Its name, such as `a list`."""

    def accepts(self, value: Any) -> bool:
        """True if a value is of this kind, whatever its parts are."""
        raise NotImplementedError

    def require_parts(self, value: Any, path: str) -> None:
        """Raise Misshapen if a part of an accepted value is wrong. path: of the value."""


def require_shape(value: Any, shape: Shape, path: str = "") -> None:
    """Raise Misshapen unless a value has a shape. path: the keys that lead to it.

    >>> require_shape({"rope": {"factor": [2]}}, Object({"rope": Object({"factor": NUMBER})}))
    Traceback (most recent call last):
    llmcli.system.shapes.Misshapen: `rope.factor` is a list, a number was expected
    """
    if not shape.accepts(value):
        name = f"`{path}`" if path else "it"
        raise Misshapen(f"{name} is {kind_of_value(value)}, {shape.words} was expected")
    shape.require_parts(value, path)


class Simple(Shape):
    """A value of one of several types; true and false are no numbers."""

    def __init__(self, words: str, *types: type) -> None:
        super().__init__(words)
        self._types = types

    def accepts(self, value: Any) -> bool:
        """True if the value is of one of these types."""
        return type(value) in self._types


TEXT = Simple("a text", str)
FLAG = Simple("true or false", bool)
NUMBER = Simple("a number", int, float)
WHOLE = Simple("a whole number", int)
OBJECT = Simple("an object", dict)
LIST = Simple("a list", list)


class Filled(Simple):
    """A text that is not empty."""

    def __init__(self) -> None:
        super().__init__("a text that is not empty", str)

    def accepts(self, value: Any) -> bool:
        """True for such a text."""
        return super().accepts(value) and bool(value)


class Pattern(Simple):
    """A regular expression that is matched against short names.

    One that repeats a group can take longer than anyone waits: `(a+)+b`.
    """

    def __init__(self) -> None:
        super().__init__("a regular expression that repeats no group", str)

    def accepts(self, value: Any) -> bool:
        """True for a text without a repeated group."""
        return super().accepts(value) and not REPEATED_GROUP.search(value)


class Between(Shape):
    """A number within bounds, which are possible themselves."""

    def __init__(self, least: float, most: float = math.inf, *, is_whole: bool = True) -> None:
        kind = "a whole number" if is_whole else "a number"
        is_open = most == math.inf
        bounds = f"of at least {least:,}" if is_open else f"from {least:,} to {most:,}"
        super().__init__(f"{kind} {bounds}")
        self._least, self._most = least, most
        self._types = (int,) if is_whole else (int, float)

    def accepts(self, value: Any) -> bool:
        """True for a number within the bounds; never for NaN."""
        return type(value) in self._types and self._least <= value <= self._most


class Choice(Shape):
    """One of several texts."""

    def __init__(self, *texts: str) -> None:
        super().__init__(" or ".join(map(repr, texts)))
        self._texts = texts

    def accepts(self, value: Any) -> bool:
        """True for one of the texts."""
        return isinstance(value, str) and value in self._texts


class ListOf(Shape):
    """A list whose items have one shape."""

    def __init__(self, item: Shape, *, is_filled: bool = False) -> None:
        """is_filled: it must not be empty."""
        super().__init__("a list that is not empty" if is_filled else LIST.words)
        self._item, self._is_filled = item, is_filled

    def accepts(self, value: Any) -> bool:
        """True for a list."""
        return isinstance(value, list) and bool(value or not self._is_filled)

    def require_parts(self, value: Any, path: str) -> None:
        """Check each item."""
        for at, item in enumerate(value):
            require_shape(item, self._item, f"{path}[{at}]")


class MapOf(Shape):
    """An object with any keys, or whole numbers as keys, whose values have one shape."""

    def __init__(self, item: Shape, *, has_numbers: bool = False) -> None:
        super().__init__(OBJECT.words)
        self._item, self._has_numbers = item, has_numbers

    def accepts(self, value: Any) -> bool:
        """True for an object."""
        return isinstance(value, dict)

    def require_parts(self, value: Any, path: str) -> None:
        """Check each key and value."""
        wrong = next((key for key in value if self._has_numbers and not _is_number(key)), None)
        if wrong is not None:
            raise Misshapen(f"`{path}` has the key {wrong!r:.40}, a whole number was expected")
        if isinstance(self._item, (Simple, Between)) and all(
            map(self._item.accepts, value.values())
        ):
            return  # of a vocabulary, the paths of all keys would take long
        for key, item in value.items():
            require_shape(item, self._item, joined(path, key))


def _is_number(key: Any) -> bool:
    return isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 10


class Object(Shape):
    """An object with known keys, each of which may be missing or null; others may hold anything."""

    def __init__(
        self,
        keys: Mapping[str, Shape],
        *,
        needs: tuple[str, ...] = (),
        never_null: tuple[str, ...] = (),
    ) -> None:
        """needs: keys that must be there, and not null. never_null: keys that may be missing."""
        super().__init__(OBJECT.words)
        self._keys, self._needs = keys, needs
        self._never_null = {*needs, *never_null}

    def accepts(self, value: Any) -> bool:
        """True for an object."""
        return isinstance(value, dict)

    def require_parts(self, value: Any, path: str) -> None:
        """Check that the keys that are needed are there, and the values of the known ones."""
        for key in self._needs:
            if key not in value:
                raise Misshapen(f"`{joined(path, key)}` is missing")
        for key, item in value.items():
            shape = self._keys.get(key)
            if shape is not None and (item is not None or key in self._never_null):
                require_shape(item, shape, joined(path, key))


class AnyOf(Shape):
    """One of several shapes."""

    def __init__(self, *shapes: Shape) -> None:
        super().__init__(" or ".join(shape.words for shape in shapes))
        self._shapes = shapes

    def accepts(self, value: Any) -> bool:
        """True if one of the shapes accepts the value."""
        return any(shape.accepts(value) for shape in self._shapes)

    def require_parts(self, value: Any, path: str) -> None:
        """Check the parts as the shape that accepts the value does."""
        next(shape for shape in self._shapes if shape.accepts(value)).require_parts(value, path)


def joined(path: str, key: str) -> str:
    """The path of a key below a path."""
    key = key if len(key) <= 40 else f"{key[:40]}..."
    return f"{path}.{key}" if path else key


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
        return OBJECT.words
    if isinstance(value, (list, tuple)):
        return LIST.words
    if isinstance(value, str):
        return f"the text {value[:40]!r}" + ("..." if len(value) > 40 else "")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)
