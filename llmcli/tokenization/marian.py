"""The tokenizer of Marian: SentencePiece for each side, and one vocabulary beside them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmcli.tokenization.base import Encoded, LightTokenizer, Settings

LANGUAGE_CODE = re.compile(r">>.*?<<", re.DOTALL)
"""Marian's name of a language, such as >>fra<<, as an entry of a vocabulary."""


def split_code(text: str, codes: Sequence[str]) -> tuple[str, str]:
    """A language code at the beginning of a text, which may be empty, and the rest of the text.

    codes: those of the vocabulary. Other text between >> and << is text.

    >>> split_code(">>fra<< hi", [">>fra<<"]), split_code(">> a << b", [">>fra<<"])
    (('>>fra<<', ' hi'), ('', '>> a << b'))
    """
    code = next((code for code in codes if text.startswith(code)), "")
    return code, text[len(code) :]


class MarianTokenizer(LightTokenizer):
    """Tokenizes sources, and decodes with the SentencePiece model of the source as well.

    So does transformers. It gives no character offsets.
    """

    is_fast = False

    def __init__(
        self,
        folder: Path,
        vocabulary: dict[str, int],
        settings: Settings,
        special: dict[str, str],
        extra: Sequence[str],
    ) -> None:
        """folder: with source.spm. vocabulary: of vocab.json. special, extra: as of LightTokenizer.

        Not read: target.spm, which only the training of a model needs.
        """
        from sentencepiece import SentencePieceProcessor

        self._pieces = SentencePieceProcessor()
        self._pieces.Load(str(folder / "source.spm"))
        self._ids = vocabulary
        self._tokens = {token_id: token for token, token_id in vocabulary.items()}
        added = settings.get("added_tokens_decoder", {})
        self._added = {token["content"]: int(token_id) for token_id, token in added.items()}
        size = len({**vocabulary, **self._added})
        for token in dict.fromkeys([*special.values(), *extra]):
            if token not in self._added:
                self._added[token] = vocabulary.get(token, size)
                size += token not in vocabulary
        self._size = size
        self._tokens |= {token_id: token for token, token_id in self._added.items()}
        longest_first = sorted(self._added, key=len, reverse=True)
        self._splitter = re.compile(f"({'|'.join(map(re.escape, longest_first))})")
        defaults = {"model_max_length": 512, "model_input_names": ["input_ids", "attention_mask"]}
        super().__init__({**defaults, **settings}, special, extra)
        self.source_lang: str | None = settings.get("source_lang")
        self.target_lang: str | None = settings.get("target_lang")
        self.supported_language_codes = [
            token for token in vocabulary if LANGUAGE_CODE.fullmatch(token)
        ]

    def __len__(self) -> int:
        return self._size

    def _encode(
        self,
        texts: Sequence[Any],
        fields: Sequence[str],
        *,
        add_special: bool,
        split: bool,
        cuts: bool,
    ) -> Encoded:
        if "offset_mapping" in fields:
            raise ValueError("this tokenizer gives no character offsets")
        rows = [
            [token_id for text in pair for token_id in self._encode_text(text, split)]
            for pair in ((text,) if isinstance(text, str) else text for text in texts)
        ]
        end = [self.eos_token_id] if add_special else []
        encoded = Encoded(input_ids=[row + end for row in rows])
        if "attention_mask" in fields:
            encoded["attention_mask"] = [[1] * len(row + end) for row in rows]
        if "special_tokens_mask" in fields:
            marked = {*self.all_special_ids} - {self.unk_token_id} if add_special else set()
            encoded["special_tokens_mask"] = [
                [int(token_id in marked) for token_id in row] + [1] * len(end) for row in rows
            ]
        return encoded

    def _encode_text(self, text: str, split: bool) -> list[Any]:
        ids: list[Any] = []
        for part in [text] if split else self._splitter.split(text):
            if not split and part in self._added:
                ids.append(self._added[part])
            elif part or split:
                code, rest = split_code(part, self.supported_language_codes)
                pieces: list[str] = self._pieces.encode(rest, out_type=str)
                ids += self.convert_tokens_to_ids([*([code] if code else []), *pieces])
        return ids

    def decode(self, ids: int | Sequence[int], skip_special_tokens: bool = False) -> str:
        """The text of tokens."""
        ids = [ids] if isinstance(ids, int) else ids
        skipped = set(self.all_special_ids) if skip_special_tokens else set()
        tokens = self.convert_ids_to_tokens([token for token in ids if token not in skipped])
        return self._clean_up(self.convert_tokens_to_string(tokens))

    def convert_ids_to_tokens(self, ids: int | Sequence[int]) -> Any:
        """The token of an id, or those of several. Raises IndexError for an unknown id."""
        if not isinstance(ids, int):
            return [self.convert_ids_to_tokens(int(token)) for token in ids]
        token = self._tokens.get(ids)
        return self._pieces.IdToPiece(ids) if token is None else token

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """The text of tokens, which are given as the vocabulary spells them."""
        text, pieces = "", list[str]()
        for token in tokens:
            if token in self.all_special_tokens:
                text += f"{self._pieces.decode_pieces(pieces)}{token} "
                pieces = []
            else:
                pieces.append(token)
        text += self._pieces.decode_pieces(pieces)
        return str(text.replace("\u2581", " ").strip())

    def get_added_vocab(self) -> dict[str, int]:
        """The tokens that are matched in a text before all others, with their ids."""
        return dict(self._added)

    def _id_of(self, token: str) -> int | None:
        return self._added.get(token, self._ids.get(token))
