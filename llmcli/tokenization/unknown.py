"""How much of a text a vocabulary does not have: unknown tokens, and letters spelled in bytes."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from llmcli.tokenization.text_stream import BYTE_PIECE, is_byte_level, token_bytes

MOSTLY = 0.5
"""A text of which more is unknown cannot be read."""
RARE = 0.005
"""Of the tokens: a script in fewer of them is one that the vocabulary does not have."""
SAMPLE = 10_000  # characters at each end of a longer text are looked at
LONGEST_WORD = 100  # characters; WordPiece makes a longer word an unknown token
ASCII = " ".join(map(chr, range(0x21, 0x7F)))
SYMBOL = "SYMBOL"
ONE_BY_ONE = ("CJK", "HIRAGANA", "KATAKANA")
GAPS = ("[MASK]", "<mask>")  # no part of the text, whatever the model's own mark is


def unknown_token(tokenizer: Any) -> int | None:
    """The token that stands for what the vocabulary lacks; None where it lacks nothing."""
    own = tokenizer.unk_token_id
    ends = (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id)
    return None if own is None or own in ends else int(own)


class UnknownShare:
    """Tells what share of a text is unknown to a tokenizer's vocabulary, where it is most of it.

    Unknown are characters in unknown tokens; and, where a vocabulary spells what it does not have
    in bytes, letters that are split into several tokens, and other characters all of whose bytes
    are tokens of their own, of scripts that it does not have.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._unknown = unknown_token(tokenizer)
        self._alone: dict[str, bool] = {}
        self._marks = {*GAPS, *tokenizer.all_special_tokens}

    def of(self, *texts: str | None) -> float | None:
        """The largest share of any of these texts, rounded to 0.01; None if it is not most of it.

        None in place of a text is no text.
        """
        shares = [self._of(text) for text in texts if text]
        share = max(shares, default=0.0)
        return round(share, 2) if share > MOSTLY else None

    def _of(self, text: str) -> float:
        if len(text) > 2 * SAMPLE:
            text = f"{text[:SAMPLE]} {text[-SAMPLE:]}"
        for mark in self._marks:
            text = text.replace(mark, " ")
        visible = "".join(text.split())
        if not visible or not self._may_be_unknown(text, visible):
            return 0.0
        ids = self._encode(text)
        known = [token for token in ids if token != self._unknown]
        if len(known) == len(ids) and not self._spells_bytes:
            return 0.0
        spelled = self._spelled(known)
        lost = 0 if len(known) == len(ids) else max(0, len(visible) - sum(spelled.values()))
        in_bytes = {script: count for (script, is_split), count in spelled.items() if is_split}
        if lost + sum(in_bytes.values()) <= MOSTLY * len(visible):
            return 0.0
        lost += sum(count for script, count in in_bytes.items() if self._lacks(script))
        return min(1.0, lost / len(visible))

    def _may_be_unknown(self, text: str, visible: str) -> bool:
        """False for most texts, which need not be tokenized again."""
        if not text.isascii():
            if sum(map(self._read_alone, text.split())) > (1 - MOSTLY) * len(visible):
                return False
        else:
            is_short = len(text) <= LONGEST_WORD or max(map(len, text.split())) <= LONGEST_WORD
            return not (self._knows_ascii and (is_short or self._unknown is None))
        return self._unknown is not None or sum(map(str.isascii, visible)) < MOSTLY * len(visible)

    def _read_alone(self, word: str) -> int:
        """How many characters of a word are read whatever stands beside them.

        These are words of ASCII, and letters of Chinese and Japanese, of which each is a word.
        """
        if word.isascii():
            return len(word) if self._knows_ascii and len(word) <= LONGEST_WORD else 0
        return sum(map(self._is_read, word))

    def _is_read(self, letter: str) -> bool:
        """True for a Chinese or Japanese letter that the vocabulary has; each is tried once."""
        if letter not in self._alone:
            self._alone[letter] = False
            if _script(letter) in ONE_BY_ONE:
                known = [token for token in self._encode(letter) if token != self._unknown]
                self._alone[letter] = self._spelled(known)[_script(letter), False] == 1
        return self._alone[letter]

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    @cached_property
    def _knows_ascii(self) -> bool:
        """True if no text of ASCII characters has an unknown token, but for very long words."""
        if self._unknown is None:
            return True
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        kind = type(getattr(backend, "model", None)).__name__
        if kind == "WordLevel" or self._unknown in self._encode(ASCII):
            return False
        letters = [character for character in ASCII if character.isalnum()]
        within = [f"a{a}" for a in letters] if kind == "WordPiece" else []
        return not any(self._unknown in self._encode(word) for word in within)

    @cached_property
    def _is_byte_level(self) -> bool:
        return is_byte_level(self._tokenizer)

    @cached_property
    def _spells_bytes(self) -> bool:
        """True for a vocabulary with a token for each byte: nothing is unknown to it."""
        fallback = self._tokenizer.convert_tokens_to_ids("<0xE6>")
        return self._is_byte_level or fallback not in (None, self._tokenizer.unk_token_id)

    def _bytes(self, piece: str | None) -> bytes:
        """What a token spells, without the marks of WordPiece and the spaces of SentencePiece."""
        if not self._is_byte_level and piece and len(piece) > 2:
            piece = piece.removeprefix("##")
        return token_bytes(piece or "", self._is_byte_level)

    def _spelled(self, ids: Sequence[int]) -> "Counter[tuple[str, bool]]":
        """How many characters of each script tokens spell, whole (False) or in bytes (True)."""
        pieces = self._tokenizer.convert_ids_to_tokens(list(ids))
        spelling = b"".join(parts := [self._bytes(piece) for piece in pieces])
        starts = bytearray(len(spelling) + 1)  # 1 where a token begins
        at = 0
        for part in parts:
            starts[at] = 1
            at += len(part)
        counts: Counter[tuple[str, bool]] = Counter()
        at = 0
        for character in spelling.decode("utf-8", "replace"):
            size = len(character.encode()) if character != "\ufffd" else 1
            if not character.isspace():
                script = _script(character)
                inner = sum(starts[at + 1 : at + size])
                is_split = inner > 0 if script != SYMBOL else inner == size - 1 > 0
                counts[script, is_split] += 1
            at += size
        return counts

    def _lacks(self, script: str) -> bool:
        """True if hardly a token spells a whole character of this script.

        Not of a vocabulary that is made of bytes alone: it spells everything so.
        """
        scripts, longer = self._scripts
        return longer > 0 and scripts[script] < RARE * len(self._tokenizer)

    @cached_property
    def _scripts(self) -> tuple["Counter[str]", int]:
        """In how many tokens each script occurs; how many tokens have more than one byte."""
        scripts: Counter[str] = Counter()
        longer = 0
        for piece in self._tokenizer.convert_ids_to_tokens(list(range(len(self._tokenizer)))):
            spelling = self._bytes(piece)
            longer += len(spelling) > 1 and not BYTE_PIECE.fullmatch(piece or "")
            if not spelling.isascii():
                scripts.update(_scripts_of(spelling.decode("utf-8", "ignore")))
        scripts["LATIN"] = len(self._tokenizer)
        return scripts, longer


def _scripts_of(characters: Iterable[str]) -> set[str]:
    return {_script(character) for character in characters if not character.isascii()}


def _script(character: str) -> str:
    """The script of a letter, as the first word of its name in Unicode; SYMBOL for all others.

    >>> _script("看"), _script("ж"), _script("é"), _script("。")
    ('CJK', 'CYRILLIC', 'LATIN', 'SYMBOL')
    """
    if unicodedata.category(character)[0] not in "LM":  # letters, and marks such as vowel signs
        return SYMBOL
    script = unicodedata.name(character, SYMBOL).partition(" ")[0]
    return SYMBOL if script == "COMBINING" else script
