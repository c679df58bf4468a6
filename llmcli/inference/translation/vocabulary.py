"""What a translation model's vocabulary can read of a text."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from llmcli.inference.translation.capitals import Lowered, lowered
from llmcli.inference.translation.kept import around_kept
from llmcli.inference.translation.languages import base
from llmcli.inference.translation.layout import Piece, pieces
from llmcli.tokenization.typed_text import allows_special, encode_typed, typed_specials

CACHED = 4096  # words


class Vocabulary:
    """Cuts texts into what is translated and what stays as it is, by what a tokenizer knows."""

    def __init__(self, tokenizer: Any) -> None:
        """tokenizer: None, where the model is not on this machine, reads every text."""
        self._tokenizer = tokenizer
        self._count: Callable[[str], int] = lru_cache(CACHED)(self._token_count)
        self._is_unknown: Callable[[str], bool] = lru_cache(CACHED)(self._has_unknown)

    def pieces(self, text: str, language: str | None, *, split: bool) -> list[Piece]:
        """The sentences of a text, without what stays as it is, and what is around them.

        language: a tag; None if unknown. split: as of `layout.pieces`.
        """
        layout: list[Piece] = []
        for piece in pieces(text, base(language or "en"), split=split):
            if piece.is_sentence and not self._has_tokens(piece.text):
                is_read = not self._is_unknown(piece.text)
                layout += around_kept(piece.text, None if is_read else self._is_unknown)
            else:
                layout.append(piece)
        return layout

    def lowered(self, text: str, language: str | None) -> Lowered:
        """A sentence with capitals in lower case where the model reads that better."""
        return lowered(text, language, self._count)

    def _has_tokens(self, text: str) -> bool:
        """True if some of a text is read as special tokens, because the user wants it so."""
        if self._tokenizer is None or not allows_special(self._tokenizer):
            return False
        return bool(typed_specials(self._tokenizer, text))

    def _has_unknown(self, text: str) -> bool:
        """True if the model cannot read a text, nor read it in lower case if it is in capitals."""
        if self._tokenizer is None or not self._unknown_count(text):
            return False
        return not text.isupper() or self._is_unknown(text.lower())

    def _unknown_count(self, text: str) -> int:
        return self._ids(text).count(self._tokenizer.unk_token_id)

    def _token_count(self, text: str) -> int:
        """The number of tokens; as many as there are characters, and more, if some are unknown."""
        if self._tokenizer is None:
            return 0
        return len(self._ids(text)) + len(text) * self._unknown_count(text)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = encode_typed(self._tokenizer, text, add_special_tokens=False)["input_ids"]
        return ids
