"""The vocabulary of a tokenizer: splitting texts into tokens, and joining tokens to text."""

from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from llmcli.errors import InputError
from llmcli.tokenization.text_stream import readable, token_bytes
from llmcli.tokenization.typed_text import encode_typed
from llmcli.tokenization.unknown import UnknownShare


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text."""

    id: int
    """Its id in the vocabulary."""
    token: str
    """As readable text; bytes that are not a whole character are in hexadecimal, as `<E7 9C>`."""
    piece: str
    """As the vocabulary spells it."""
    start: int | None
    """First character of the text that it covers; None if the tokenizer gives no offsets."""
    end: int | None
    """One past the last character."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tokenizer with a backend of the `tokenizers` package, or another, without offsets."""

    _tokenizer: Any
    _byte_level: bool
    unknown: UnknownShare
    """What share of a text it does not have."""

    def encode(self, text: str, *, special: bool = True) -> list[Token]:
        """Split a text into tokens. special: add the special tokens that the model expects."""
        has_offsets = isinstance(self._backend, Tokenizer)
        encoding = encode_typed(
            self._tokenizer,
            text,
            add_special_tokens=special,
            return_offsets_mapping=has_offsets,
        )
        ids = encoding["input_ids"]
        pieces = self._tokenizer.convert_ids_to_tokens(ids)
        if not has_offsets:
            return [self._token(id, piece) for id, piece in zip(ids, pieces, strict=True)]
        tokens = zip(ids, pieces, encoding["offset_mapping"], strict=True)
        return [self._token(id, piece, start, end) for id, piece, (start, end) in tokens]

    def decode(self, ids: list[int]) -> str:
        """The text of tokens, special ones included. Raises InputError for an unknown id."""
        size = self.size
        unknown = [id for id in ids if not 0 <= id < size]
        if unknown:
            raise InputError(f"no token has id {unknown[0]}: ids go from 0 to {size - 1}")
        text: str = self._backend.decode(ids, skip_special_tokens=False)
        return text

    @property
    def size(self) -> int:
        """The number of tokens, added ones included."""
        if isinstance(self._backend, Tokenizer):
            return self._backend.get_vocab_size()
        return len(self._tokenizer)

    @property
    def _backend(self) -> Any:
        return getattr(self._tokenizer, "backend_tokenizer", self._tokenizer)

    def _token(
        self, id: int, piece: str, start: int | None = None, end: int | None = None
    ) -> Token:
        return Token(id, readable(token_bytes(piece, self._byte_level)), piece, start, end)
