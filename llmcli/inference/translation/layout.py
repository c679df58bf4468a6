"""Separates sentences from the layout around them: line breaks, list markers, indentation."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llmcli.inference.sentences import sentences

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
MARKER = re.compile(
    r"\s*(?:(?:[-*+•·‣▪–—>]|\d{1,3}[.)]|[a-z]\)|#{1,6})\s+|\d{1,3}、|[(（]?[一二三四五六七八九十]{1,3}[、)）])*\s*"
)
SENTENCE_END = re.compile(r"[.!?…:;。！？：；][\"'”’»」』)）\]]*\s*$")
MIN_WRAPPED = 40  # characters; a shorter line is not joined with the next one


@dataclass(frozen=True, slots=True)
class Piece:
    """A substring of a text: a sentence, or the layout between sentences."""

    text: str
    is_sentence: bool
    """Whether the piece is translated; if not, it is copied."""
    is_part: bool = False
    """Whether it is a part of a sentence, of which something else is copied."""


def pieces(text: str, language: str = "en", *, split: bool = True) -> list[Piece]:
    """Split a text into pieces; joined, they equal the text, except for wrapped lines.

    language: a two-letter code, for sentence segmentation. split: whether to split into sentences;
    if not, each paragraph, list item or line is one piece. Lines that were wrapped in the middle
    of a sentence are joined with a space.

    >>> [piece.text for piece in pieces("- One. Two.\\n\\n- Three.")]
    ['- ', 'One.', ' ', 'Two.', '\\n\\n- ', 'Three.']
    """
    layout: list[Piece] = []
    for line in _unwrapped(_lines(text)):
        body = line.rstrip("\r\n")
        end = line[len(body) :]
        marker = MARKER.match(body)
        start = marker.end() if marker else 0
        layout.append(Piece(body[:start], False))
        for part in sentences(body[start:], language) if split else [body[start:]]:
            stripped = part.rstrip()
            has_letters = any(character.isalpha() for character in stripped)
            layout.append(Piece(stripped, has_letters))
            layout.append(Piece(part[len(stripped) :], False))
        layout.append(Piece(end, False))
    return list(_merged(layout))


def _lines(text: str) -> list[str]:
    return [line for line in LINE.findall(text) if line]


def _unwrapped(lines: Sequence[str]) -> list[str]:
    """Join each line with the next one where a sentence continues there."""
    paragraphs: list[list[str]] = []
    previous = ""
    for line in lines:
        if paragraphs and _continues(previous, line):
            paragraphs[-1][-1] = f"{previous.rstrip()} "
            paragraphs[-1].append(line.lstrip())
        else:
            paragraphs.append([line])
        previous = line
    return ["".join(parts) for parts in paragraphs]


def _continues(line: str, following: str) -> bool:
    """True if the sentence at the end of a line seems to continue in the following line."""
    body, rest = line.rstrip(), following.lstrip()
    marker = MARKER.match(following)
    if len(body) < MIN_WRAPPED or not rest or (marker and marker[0].strip()):
        return False
    if SENTENCE_END.search(body):
        return False
    return rest[0].islower() or (body.endswith(",") and rest[0].isalpha())


def _merged(layout: Sequence[Piece]) -> Iterator[Piece]:
    """Join adjacent pieces that are not sentences, and drop empty ones."""
    between = ""
    for piece in layout:
        if not piece.is_sentence:
            between += piece.text
            continue
        if between:
            yield Piece(between, False)
        between = ""
        yield piece
    if between:
        yield Piece(between, False)


def put_together(layout: Sequence[Piece], translations: Sequence[str], *, spaced: bool) -> str:
    """Join the pieces of a text, with each sentence replaced by its translation.

    translations: one for each sentence, in order. spaced: whether the target language has spaces
    between sentences; missing ones are added if so, existing ones removed if not.

    >>> put_together(pieces("好。你呢？"), ["Good.", "And you?"], spaced=True)
    'Good. And you?'
    """
    remaining = iter(translations)
    parts: list[str] = []
    for index, piece in enumerate(layout):
        if piece.is_sentence:
            if index and layout[index - 1].is_sentence and spaced:
                parts.append(" ")
            parts.append(next(remaining))
        else:
            is_inner_space = 0 < index < len(layout) - 1 and piece.text.strip(" ") == ""
            parts.append("" if is_inner_space and not spaced else piece.text)
    return "".join(parts)
