"""A text as what is to be translated and what stands around it: line ends, lists, indents."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmcli.inference.sentences import sentences

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
MARKER = re.compile(
    r"\s*(?:(?:[-*+•·‣▪–—>]|\d{1,3}[.)]|[a-z]\)|#{1,6})\s+|\d{1,3}、|[(（]?[一二三四五六七八九十]{1,3}[、)）])*\s*"
)
ENDED = re.compile(r"[.!?…:;。！？：；][\"'”’»」』)）\]]*\s*$")
WRAPPED = 40  # characters that a line has at least if its sentence goes on in the next


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text."""

    text: str
    is_sentence: bool
    """It is to be translated; else it stays as it is."""


def pieces(text: str, language: str = "en", *, split: bool = True) -> list[Piece]:
    """Take a text apart; the pieces, joined, are the text again, but for wrapped lines.

    split: into sentences; else a paragraph, list item or line is one piece. Lines that were
    wrapped in the middle of a sentence are joined with a space.

    >>> [piece.text for piece in pieces("- One. Two.\\n\\n- Three.")]
    ['- ', 'One.', ' ', 'Two.', '\\n\\n- ', 'Three.']
    """
    found: list[Piece] = []
    for line in _unwrapped(_lines(text)):
        body = line.rstrip("\r\n")
        end = line[len(body) :]
        marker = MARKER.match(body)
        start = marker.end() if marker else 0
        found.append(Piece(body[:start], False))
        for part in sentences(body[start:], language) if split else [body[start:]]:
            stripped = part.rstrip()
            says_something = any(character.isalpha() for character in stripped)
            found.append(Piece(stripped, says_something))
            found.append(Piece(part[len(stripped) :], False))
        found.append(Piece(end, False))
    return list(_merged(found))


def _lines(text: str) -> list[str]:
    return [line for line in LINE.findall(text) if line]


def _unwrapped(lines: Sequence[str]) -> list[str]:
    """Join lines whose sentence goes on in the next one."""
    found: list[list[str]] = []
    last = ""
    for line in lines:
        if found and _goes_on(last, line):
            found[-1][-1] = f"{last.rstrip()} "
            found[-1].append(line.lstrip())
        else:
            found.append([line])
        last = line
    return ["".join(parts) for parts in found]


def _goes_on(line: str, following: str) -> bool:
    body, rest = line.rstrip(), following.lstrip()
    marker = MARKER.match(following)
    if len(body) < WRAPPED or not rest or (marker and marker[0].strip()):
        return False
    if ENDED.search(body):
        return False
    return rest[0].islower() or (body.endswith(",") and rest[0].isalpha())


def _merged(found: Sequence[Piece]) -> Iterator[Piece]:
    """Join neighbours that stay as they are, and drop empty ones."""
    kept = ""
    for piece in found:
        if not piece.is_sentence:
            kept += piece.text
            continue
        if kept:
            yield Piece(kept, False)
        kept = ""
        yield piece
    if kept:
        yield Piece(kept, False)


def put_together(found: Sequence[Piece], translations: Sequence[str], *, spaced: bool) -> str:
    """A text again, of its pieces, with the translations in place of the sentences.

    spaced: the language has spaces between sentences, which it gets, or else loses.

    >>> put_together(pieces("好。你呢？"), ["Good.", "And you?"], spaced=True)
    'Good. And you?'
    """
    following = iter(translations)
    written: list[str] = []
    for at, piece in enumerate(found):
        if piece.is_sentence:
            if at and found[at - 1].is_sentence and spaced:
                written.append(" ")
            written.append(next(following))
        else:
            between = 0 < at < len(found) - 1 and piece.text.strip(" ") == ""
            written.append("" if between and not spaced else piece.text)
    return "".join(written)
