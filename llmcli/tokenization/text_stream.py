"""From tokens to text: the bytes of a single token, and text that grows as tokens arrive."""

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from tokenizers import Tokenizer

BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
CONTEXT = 16  # ids of the prompt that are decoded together with the new ones
BROKEN = "\ufffd"  # what decoders write for bytes that are not a whole character (yet)

NAMES: WeakKeyDictionary[Any, dict[int, str]] = WeakKeyDictionary()
"""Of each tokenizer: how its special tokens are spelled, and "" for its other tokens."""


@lru_cache(maxsize=1)
def byte_of_character() -> dict[str, int]:
    """The byte of each character in a byte-level BPE vocabulary.

    Printable bytes are written as themselves; the 68 others, in order, as the characters from
    U+0100 on. Source: Radford et al. 2019, in the encoder published with GPT-2.

    >>> byte_of_character()["A"], byte_of_character()["Ġ"]
    (65, 32)
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in plain}
    others = (byte for byte in range(256) if byte not in set(plain))
    return table | {chr(256 + n): byte for n, byte in enumerate(others)}


def is_byte_level(tokenizer: Any) -> bool:
    """True if the characters of a vocabulary stand for bytes, as those of GPT-2 do."""
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not isinstance(backend, Tokenizer) or backend.decoder is None:
        return False
    return b'"ByteLevel"' in backend.decoder.__getstate__()  # JSON


def token_bytes(piece: str, byte_level: bool) -> bytes:
    """The bytes that an entry of a vocabulary stands for.

    >>> token_bytes("Ġcat", byte_level=True), token_bytes("<0xE6>", byte_level=False)
    (b' cat', b'\\xe6')
    """
    if byte_level:
        table = byte_of_character()
        if all(character in table for character in piece):
            return bytes(table[character] for character in piece)
    elif match := BYTE_PIECE.fullmatch(piece):
        return bytes([int(match[1], 16)])
    return piece.replace("\u2581", " ").encode()


def readable(piece: bytes) -> str:
    """Bytes as text on one line; in hexadecimal if they are not whole characters.

    >>> readable("看\\n".encode()), readable("看".encode()[:2])
    ('看\\\\n', '<E7 9C>')
    """
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return f"<{piece.hex(' ').upper()}>"
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def token_namer(tokenizer: Any) -> Callable[[int], str]:
    """A function from a token id to readable text; each id is looked up once."""
    byte_level = is_byte_level(tokenizer)

    @cache
    def name(token: int) -> str:
        piece = tokenizer.convert_ids_to_tokens(token)
        return readable(token_bytes(piece or "", byte_level))

    return name


class TextStream:
    """Turns token ids into text as they arrive, and ends at a stop string.

    The strings that `push` and `flush` return, joined, are the decoded text up to the stop string.
    Incomplete characters are held back until their other bytes arrive, and so is text that may be
    the beginning of a stop string. Special tokens are no part of the text, but a stop string may
    name one, such as `<|im_end|>`, alone or beside text.
    after: ids of the prompt, so that a first word keeps the space before it.
    """

    def __init__(
        self, tokenizer: Any, stop: tuple[str, ...] = (), after: Sequence[int] = ()
    ) -> None:
        self.stopped = False
        self._decode = tokenizer.decode
        self._stop = stop
        self._ids = list(after[-CONTEXT:])
        self._shown = len(self._ids)  # ids before this one are in the returned text already
        self._context = 0  # ids from here to `_shown` are decoded again, for the spaces between
        self._names = NAMES.setdefault(tokenizer, {})
        self._held = _Held()  # what may begin a stop string

    def push(self, token: int) -> str:
        """Add one id; return the text that is certain now, which is often empty."""
        if self.stopped:
            return ""
        if name := self._special_name(token):
            return self._push_special(name)
        self._ids.append(token)
        text = self._fresh()
        if text.endswith(BROKEN):
            return ""
        if text:  # else the space before the next word depends on the words before this token
            self._advance()
        return self._release(text)

    def append(self, tokens: Sequence[int]) -> None:
        """Add ids whose text is not wanted before `flush`, which decodes all of them at once.

        Without stop strings: they would not be noticed.
        """
        self._ids += tokens

    def _push_special(self, name: str) -> str:
        """Take a special token, which spells nothing: words are decoded as if it were not there."""
        if not self._stop:
            return ""
        text = self._fresh()  # bytes that no other token completes
        if text:
            self._advance()
        text = self._release(text)
        return text if self.stopped else text + self._release(name, is_text=False)

    def flush(self, *, is_cut: bool = False) -> str:
        """Return the text that was held back, after the last token.

        is_cut: more tokens would have followed, so that an incomplete character is left out.
        """
        if self.stopped:
            return ""
        text = self._fresh()
        self._advance()
        tail = self._release(without_broken_end(text) if is_cut else text)
        if not self.stopped:
            tail += self._held.take(len(self._held))
        return tail

    def _fresh(self) -> str:
        """The text of the ids that were not returned yet."""
        before = self._text(self._ids[self._context : self._shown])
        return self._text(self._ids[self._context :])[len(before) :]

    def _text(self, ids: list[int]) -> str:
        decoded: str = self._decode(ids, skip_special_tokens=True)
        return decoded

    def _special_name(self, token: int) -> str:
        """How a special token is spelled; empty for a token of the text."""
        if token not in self._names:
            name = "" if self._text([token]) else self._decode([token], skip_special_tokens=False)
            self._names[token] = name.strip()
        return self._names[token]

    def _advance(self) -> None:
        self._context, self._shown = self._shown, len(self._ids)

    def _release(self, text: str, *, is_text: bool = True) -> str:
        held = self._held
        held.add(text, is_text)
        ends = [at for at in (held.characters.find(stop) for stop in self._stop) if at >= 0]
        if ends:
            self.stopped = True
            return held.take(min(ends))
        keep = max((_overlap(held.characters, stop) for stop in self._stop), default=0)
        return held.take(len(held) - keep)


class _Held:
    """Text, and between it special tokens, which stop strings are looked for in."""

    def __init__(self) -> None:
        self.characters = ""
        self._is_text: list[bool] = []  # of each character: it is no part of a special token

    def __len__(self) -> int:
        return len(self.characters)

    def add(self, text: str, is_text: bool) -> None:
        """Append text, or the name of a special token."""
        self.characters += text
        self._is_text += [is_text] * len(text)

    def take(self, count: int) -> str:
        """Remove the first characters; return those of the text."""
        taken = zip(self.characters[:count], self._is_text, strict=False)
        text = "".join(character for character, is_text in taken if is_text)
        self.characters, self._is_text = self.characters[count:], self._is_text[count:]
        return text


def without_broken_end(text: str) -> str:
    """Text without an incomplete character at its end, of which the other bytes never came.

    >>> without_broken_end("看\ufffd\ufffd")
    '看'
    """
    return text.rstrip(BROKEN)


def _overlap(text: str, stop: str) -> int:
    """Length of the longest suffix of `text` that is a prefix of `stop`.

    >>> _overlap("and the E", "END")
    1
    """
    for size in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
