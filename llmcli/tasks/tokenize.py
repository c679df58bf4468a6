"""Split texts into the tokens that a model sees."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llmcli.core.data import Row
from llmcli.core.vocabulary import Token, Vocabulary
from llmcli.errors import InputError


@dataclass(frozen=True, slots=True)
class Tokenized:
    """One text and its tokens."""

    text: str
    count: int
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """The size of all texts together."""

    texts: int
    tokens: int
    characters: int


def tokenize(
    vocabulary: Vocabulary, rows: Iterable[Row], *, special: bool = True
) -> Iterator[Tokenized]:
    """Yield each text's tokens, in order. Raises InputError for a row that cannot be read."""
    for row in rows:
        if row.error is not None:
            raise InputError(f"line {row.number}: {row.error}")
        tokens = tuple(vocabulary.encode(row.text, special=special))
        yield Tokenized(row.text, len(tokens), tokens)


def count(vocabulary: Vocabulary, rows: Iterable[Row], *, special: bool = True) -> Count:
    """Add up all texts, holding one at a time."""
    texts = tokens = characters = 0
    for one in tokenize(vocabulary, rows, special=special):
        texts += 1
        tokens += one.count
        characters += len(one.text)
    return Count(texts, tokens, characters)
