"""The words of a text: as they were given, or found in running text; and the tokens of each."""

import ast
import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

NO_BREAK = "\u00a0\u2007\u202f"
"""Spaces that keep a word together: no-break space, figure space, narrow no-break space."""
CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters and kana, as a character class: each is a word of running text."""
_SPACE = re.compile(rf"[^\S{NO_BREAK}]")
_GIVEN = re.compile(rf"(?:\S|[{NO_BREAK}])+")
_RUNNING = re.compile(rf"[{CJK}]|(?:[^\s{CJK}]|[{NO_BREAK}])+")
_POSSESSIVE = re.compile("['\u2019][sS]$")
_KEPT = "@#%&*_"
"""Punctuation that stays at a word: @name, #topic, 50%."""

Spans = tuple[tuple[int, int], ...]
"""Start and end of each word in its text, in characters."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words with the text that a model reads: a list of words has spaces between them."""

    text: str
    spans: Spans

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, at: int) -> str:
        start, end = self.spans[at]
        return self.text[start:end]


def listed(value: Any) -> list[Any] | None:
    """A list, or a cell that spells one as JSON or as Python does; None for other values.

    >>> listed('["a", "b"]'), listed("['a']"), listed("[1] is a note")
    (['a', 'b'], ['a'], None)
    """
    if isinstance(value, (list, tuple)):
        return list(value)
    if not isinstance(value, str) or not (value.startswith("[") and value.endswith("]")):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            items = read(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return items if isinstance(items, list) else None
    return None


def given_words(value: Any) -> Words | None:
    """The words of a list, or of a text with spaces between them; None for other values.

    A no-break space parts no words.

    >>> given_words(["New York", "is"]).spans, given_words("10\\u00a0km away").spans
    (((0, 8), (9, 11)), ((0, 5), (6, 10)))
    """
    items = listed(value)
    if items is None:
        if not isinstance(value, str):
            return None
        return Words(value, tuple(match.span() for match in _GIVEN.finditer(value)))
    if not all(isinstance(item, str) for item in items):
        return None
    spans, start = [], 0
    for item in items:
        spans.append((start, start + len(item)))
        start += len(item) + 1
    return Words(" ".join(items), tuple(spans))


def running_words(text: str) -> Words:
    """The words of running text.

    A word ends at a space and before `'s`; punctuation around it is no part of it; a Chinese
    character is a word by itself.

    >>> words = running_words("(Tom's) U.S. 看书。")
    >>> [words[at] for at in range(len(words))]
    ['(', 'Tom', "'s", ')', 'U.S', '.', '看', '书', '。']
    """
    spans: list[tuple[int, int]] = []
    for match in _RUNNING.finditer(text):
        if match[0].isalnum():  # most words, which have no punctuation
            spans.append(match.span())
        else:
            spans += _parts(match[0], match.start())
    return Words(text, tuple(spans))


def _parts(chunk: str, start: int) -> Iterator[tuple[int, int]]:
    """The punctuation before a word, the word, `'s`, and the punctuation after it."""
    first, stop = 0, len(chunk)
    while first < stop and _is_mark(chunk[first]):
        first += 1
    while stop > first and _is_mark(chunk[stop - 1]):
        stop -= 1
    yield from ((start + at, start + at + 1) for at in range(first))
    if first < stop:
        possessive = _POSSESSIVE.search(chunk[first:stop])
        middle = first + possessive.start() if possessive else stop
        if first < middle:
            yield start + first, start + middle
        if middle < stop:
            yield start + middle, start + stop
    yield from ((start + at, start + at + 1) for at in range(stop, len(chunk)))


def _is_mark(char: str) -> bool:
    return char not in _KEPT and unicodedata.category(char).startswith("P")


def words_of_tokens(words: Words, offsets: Sequence[tuple[int, int]]) -> list[int | None]:
    """For each token the number of the word that it begins in; None where it is in no word.

    A token with a space in front belongs to the word after the space.

    >>> words_of_tokens(given_words("a cat"), [(0, 1), (1, 3), (3, 5)])
    [0, 1, 1]
    """
    starts = [start for start, _ in words.spans]
    numbers: list[int | None] = []
    for start, end in offsets:
        while start < end and _SPACE.match(words.text, start):
            start += 1
        at = bisect_right(starts, start) - 1
        numbers.append(at if at >= 0 and start < words.spans[at][1] else None)
    return numbers


def named(word: str) -> str:
    """A word in quotes; one that cannot be seen with the code of each character.

    >>> named("cat"), named("\\u200b")
    ("'cat'", "'' (U+200B)")
    """
    if any(char.isprintable() and unicodedata.category(char) != "Mn" for char in word):
        return repr(word)
    return f"'' ({' '.join(f'U+{ord(char):04X}' for char in word) or 'empty'})"
