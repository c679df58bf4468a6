"""Split texts into the tokens that a model sees."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from llmcli.data.results import Described, Result
from llmcli.data.rows import Failure, Row, failed
from llmcli.engines.gguf import unpack
from llmcli.errors import InputError
from llmcli.inference.loading import AnyModel, load_part
from llmcli.models import hub
from llmcli.models.starters import GENERATE, Note, ignore
from llmcli.spec import ModelSpec
from llmcli.tokenization import load as light
from llmcli.tokenization.base import UnsupportedTokenizer
from llmcli.tokenization.text_stream import is_byte_level
from llmcli.tokenization.unknown import UnknownShare
from llmcli.tokenization.vocabulary import Token, Vocabulary


@dataclass(frozen=True, slots=True)
class Tokenized(Result):
    """One text and its tokens."""

    text: str
    """The text, as it was given."""
    count: int
    """Number of tokens."""
    tokens: tuple[Token, ...]
    """The tokens in order."""


@dataclass(frozen=True, slots=True)
class Decoded(Result):
    """One list of ids and what they spell."""

    SOURCE = ""
    ids: tuple[int, ...]
    """The token ids, as they were given."""
    text: str
    """The text that they spell, special tokens included."""


@dataclass(frozen=True, slots=True)
class Count(Described):
    """The size of all texts together."""

    texts: int
    """Number of texts."""
    tokens: int
    """Number of tokens of all texts."""
    characters: int
    """Number of characters of all texts."""


def tokenize(
    vocabulary: Vocabulary, rows: Iterable[Row], *, special: bool = True
) -> Iterator[Tokenized | Failure]:
    """Yield each text's tokens, in order."""
    for row in rows:
        if row.error is not None:
            yield failed(row)
        else:
            tokens = tuple(vocabulary.encode(row.text, special=special))
            unknown = vocabulary.unknown.of(row.text)
            yield Tokenized(row, row.text, len(tokens), tokens, unknown=unknown)


def count(vocabulary: Vocabulary, rows: Iterable[Row], *, special: bool = True) -> Count:
    """Add up all texts, holding one at a time. Raises InputError for a row that cannot be read."""
    texts = tokens = characters = 0
    for one in tokenize(vocabulary, rows, special=special):
        if isinstance(one, Failure):
            raise InputError(f"{one.row.where}: {one.error}")
        texts += 1
        tokens += one.count
        characters += len(one.text)
    return Count(texts, tokens, characters)


def detokenize(vocabulary: Vocabulary, rows: Iterable[Row]) -> Iterator[Decoded | Failure]:
    """Yield what the ids in each row spell; blanks, commas or brackets stand between them."""
    for row in rows:
        try:
            if row.error is not None:
                raise InputError(row.error)
            ids = [_id(word) for word in re.sub(r"[,\[\]]", " ", row.text).split()]
            yield Decoded(row, tuple(ids), vocabulary.decode(ids))
        except InputError as error:
            yield Failure(row, error)


def _id(word: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", word):
        raise InputError(f"{word[:40]!r} is no token id: ids are numbers")
    return int(word)


def load_vocabulary(model: AnyModel, note: Note = ignore) -> Vocabulary:
    """Load a model's tokenizer alone. Raises ModelNotFound, ModelUnsuitable.

    model: None, or one without a name, takes the default. note: receives a line if so.
    """
    return load_part(model, GENERATE, "vocabulary", partial(_vocabulary, note=note), note)


def _vocabulary(model: ModelSpec, note: Note) -> Vocabulary:
    tokenizer: Any
    unpack(model, note)
    try:
        tokenizer = light.load_tokenizer(hub.resolve(model))
    except UnsupportedTokenizer:
        from llmcli.engines.pytorch.loading import load_tokenizer

        tokenizer = load_tokenizer(model)
    tokenizer.allow_special = model.allow_special
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    return Vocabulary(tokenizer, is_byte_level(backend), UnknownShare(tokenizer))
