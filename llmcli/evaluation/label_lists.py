"""Several labels in one field: lists, lists written as text, labels with a sign between them."""

import ast
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
SEPARATORS = (";", "|", ",")
Separator = Literal[";", "|", ","]


def list_in(text: str) -> list[Any] | None:
    """The list that a text spells, as JSON, Python or numpy write one; None where it spells none.

    >>> list_in("['it', 'urgent']"), list_in("[1. 0. 1.]"), list_in("['it' 'urgent']")
    (['it', 'urgent'], [1.0, 0.0, 1.0], ['it', 'urgent'])
    >>> list_in("[PAD]"), list_in("[sports] news")
    (None, None)
    """
    text = text.strip()
    if not text or (text[0], text[-1]) not in {("[", "]"), ("(", ")"), ("{", "}")}:
        return None
    inside = text[1:-1].strip()
    if text[0] == "[" and "," not in QUOTED.sub("", inside):
        return _numpy_list(inside)
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, (list, tuple)):
            return list(value)
        if isinstance(value, (set, frozenset)):
            return sorted(value, key=str)
    return None


def _numpy_list(inside: str) -> list[Any] | None:
    """The items of a list without commas: one item, or numpy's form with blanks between them."""
    if not QUOTED.sub("", inside).strip():  # quoted words alone; an empty list
        return [single or double for single, double in QUOTED.findall(inside)]
    items: list[Any] = []
    for word in inside.split():
        if word in ("True", "False", "true", "false"):
            items.append(word.casefold() == "true")
            continue
        try:
            items.append(float(word) if "." in word else int(word))
        except ValueError:
            return None
    return items


def separator_of(cells: Iterable[Any]) -> Separator:
    """The sign between labels in the cells of a file: the first of ; | , that occurs.

    It is chosen for the file, so that a label may hold a sign of lower rank.

    >>> separator_of(["it", "food, drink; travel"]), separator_of(["it|pay"]), separator_of(["a,b"])
    (';', '|', ',')
    """
    seen: set[str] = set()
    for cell in cells:
        if isinstance(cell, str) and list_in(cell) is None:
            seen.update(sign for sign in SEPARATORS if sign in cell)
    for sign in (";", "|"):
        if sign in seen:
            return sign
    return ","


def items_of(cell: Any, separator: str) -> list[Any] | None:
    """The labels in a field; None for a value that holds no labels, such as an object.

    A list, a text that spells one, or labels with `separator` between them; nothing is no label.

    >>> items_of("it; urgent", ";"), items_of("['it']", ";"), items_of(None, ";"), items_of(3, ";")
    (['it', 'urgent'], ['it'], [], [3])
    """
    if hasattr(cell, "tolist"):
        cell = cell.tolist()
    if cell is None or isinstance(cell, (list, tuple)):
        return list(cell or ())
    if isinstance(cell, str):
        spelt = list_in(cell)
        if spelt is not None:
            return spelt
        return [label for word in cell.split(separator) if (label := word.strip())]
    return [cell] if isinstance(cell, (int, float)) else None


def are_vectors(lists: Sequence[Sequence[Any]]) -> bool:
    """True for lists of equal length, two or more, that hold 0 and 1 alone: a place a class.

    >>> are_vectors([[0, 1, 1], [1.0, 0.0, 0.0]]), are_vectors([[0, 2], [1, 0]]), are_vectors([[1]])
    (True, False, False)
    """
    sizes = {len(items) for items in lists}
    if len(sizes) != 1 or min(sizes) < 2:
        return False
    return all(_is_bit(item) for items in lists for item in items)


def _is_bit(item: Any) -> bool:
    return isinstance(item, (bool, int, float)) and item in (0, 1)
