"""Rows with words and a tag for each, the same for training and for evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.evaluation.fields import field_names, shown
from llmcli.evaluation.labels import label_text
from llmcli.inference.words import Words, given_words, listed

WORDS = ("tokens", "words", "text", "sentence")
"""The fields that words are read from, unless the user names one: the first that a row has."""
TAGS = ("ner_tags", "tags", "labels", "pos_tags")
"""The same for tags."""


def column_of(fields: Mapping[str, Any], named: str | None, usual: Sequence[str]) -> str:
    """The field that is read: the one that was named, else the first usual one that there is.

    A usual name counts as not named. Raises InputError where there is none.
    """
    names = usual if named is None or named in usual else (named,)
    for name in dict.fromkeys([*([named] if named else []), *names]):
        if name in fields:
            return name
    wanted = " or ".join(map(repr, names))
    raise InputError(f"no field {wanted}; it has {field_names(fields)}")


def words_of(fields: Mapping[str, Any], column: str) -> Words:
    """The words of a row. Raises InputError for what is no list of words and no text."""
    words = given_words(fields[column])
    if words is None:
        raise InputError(f"{column!r} is no list of words but {shown(fields[column])}")
    if not len(words):
        raise InputError(f"there are no words in {column!r}")
    return words


def tags_of(value: Any, column: str, place: str = "") -> tuple[str, ...]:
    """The tags of a sentence: a list, or a text with spaces between them; numbers become text.

    Raises InputError, which begins with `place`, for another value.
    """
    items = listed(value)
    if items is None:
        if not isinstance(value, str):
            prefix = f"{place}: " if place else ""
            raise InputError(f"{prefix}{column!r} is not a list of tags but {shown(value)}")
        items = value.split()
    return tuple(label_text(item, place) for item in items)


def with_words(row: Row, named: str | None) -> Row:
    """A row whose text is what its words spell; the row as it is where it has none."""
    if row.error is not None:
        return row
    try:
        column = column_of(row.fields, named, WORDS)
        text = words_of(row.fields, column).text
    except InputError:
        return row
    return replace(row, text=text, columns=(column,))
