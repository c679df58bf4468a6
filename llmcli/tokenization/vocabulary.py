"""A checkpoint's tokenizer, without torch and transformers wherever that is possible."""

from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from llmcli.errors import InputError
from llmcli.tokenization.text_stream import readable, token_bytes


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text."""

    id: int
    token: str
    """Readable: a byte that is no whole character is in hexadecimal, as <E7 9C>."""
    piece: str
    """As the vocabulary spells it."""
    start: int | None
    """Where it begins in the text, in characters; None if the tokenizer cannot tell."""
    end: int | None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tokenizer: one of `tokenizers`, which tells where a token lies, or another."""

    _tokenizer: Any
    _byte_level: bool

    def encode(self, text: str, *, special: bool = True) -> list[Token]:
        """Split a text; `special` adds what the model expects around it."""
        if not isinstance(self._tokenizer, Tokenizer):
            ids = self._tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]
            pieces = self._tokenizer.convert_ids_to_tokens(ids)
            return [self._token(id, piece) for id, piece in zip(ids, pieces, strict=True)]
        found = self._tokenizer.encode(text, add_special_tokens=special)
        parts = zip(found.ids, found.tokens, found.offsets, strict=True)
        return [self._token(id, piece, start, end) for id, piece, (start, end) in parts]

    def decode(self, ids: list[int]) -> str:
        """Put tokens together, special ones included. Raises InputError for an unknown id."""
        size = self.size
        unknown = [id for id in ids if not 0 <= id < size]
        if unknown:
            raise InputError(f"no token has id {unknown[0]}: ids go from 0 to {size - 1}")
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text

    @property
    def size(self) -> int:
        if isinstance(self._tokenizer, Tokenizer):
            return self._tokenizer.get_vocab_size()
        return len(self._tokenizer)

    def _token(
        self, id: int, piece: str, start: int | None = None, end: int | None = None
    ) -> Token:
        return Token(id, readable(token_bytes(piece, self._byte_level)), piece, start, end)
