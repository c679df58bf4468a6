"""The smallest spans of a text at whose edges several segmentations have a boundary.

The tokens of a model are one segmentation; those of another model, words and sentences are others.
A span takes the space before it, as the tokens of most vocabularies do: the boundary between two
tokens is where the first one ends.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple
from unicodedata import normalize

from llmcli.inference.sentences import sentence_ends
from llmcli.inference.words import running_words

Offsets = Sequence[tuple[int, int]]
"""First character of each token and the one after its last."""
Boundaries = Mapping[int, int]
"""The places in a text, in characters, where one token ends and another begins, in order; for each
the number of tokens before it. The first is 0, the last the length of the text."""


class Span(NamedTuple):
    """A part of a text."""

    start: int
    """Its first character."""
    end: int
    """The one after its last."""

    def shown(self, text: str) -> tuple[str, int, int]:
        """The part without the space around it, and where that starts and ends.

        A part that is all space stays as it is.

        >>> Span(4, 9).shown("Once upon a time")
        ('upon', 5, 9)
        """
        part = text[self.start : self.end]
        bare = part.strip()
        if not bare:
            return part, self.start, self.end
        start = self.start + len(part) - len(part.lstrip())
        return bare, start, start + len(bare)


def token_boundaries(offsets: Offsets, length: int) -> Boundaries:
    """The boundaries between tokens, of a text of `length` characters.

    Tokens that share a character, as the bytes of one do, have no boundary between them.

    >>> token_boundaries([(0, 1), (0, 1), (1, 3), (4, 6)], 6)
    {0: 0, 1: 2, 3: 3, 6: 4}
    """
    ends = list(accumulate((end for _, end in offsets), max))
    starts = list(accumulate((start for start, _ in reversed(offsets)), min))[::-1]
    between = {
        end: number
        for number, (end, following) in enumerate(zip(ends, starts[1:], strict=False), 1)
        if end <= following and 0 < end < length
    }
    return {0: 0, **between, length: len(offsets)}


def word_boundaries(text: str) -> Boundaries:
    """The ends of the words of a text; numbered, but not by tokens.

    >>> list(word_boundaries("It's 看书。"))
    [0, 2, 4, 6, 7, 8]
    """
    ends = [end for _, end in running_words(text).spans]
    return {0: 0, **{end: at for at, end in enumerate(ends, 1)}, len(text): len(ends)}


def sentence_boundaries(text: str) -> Boundaries:
    """The ends of the sentences of a text, before the space that follows.

    >>> list(sentence_boundaries("Why? So. "))
    [0, 4, 9]
    """
    starts = [0, *sentence_ends(text)]
    ends = [start + len(text[start:end].rstrip()) for start, end in pairwise(starts)]
    inner = [end for end in ends[:-1] if end]
    return {0: 0, **{end: at for at, end in enumerate(inner, 1)}, len(text): len(ends)}


def common_spans(text: str, *segmentations: Boundaries) -> list[Span]:
    """The smallest spans at whose edges all segmentations have a boundary; they cover the text.

    >>> common_spans("unlikely", {0: 0, 2: 1, 8: 2}, {0: 0, 2: 1, 5: 2, 8: 3})
    [Span(start=0, end=2), Span(start=2, end=8)]
    """
    first, *others = segmentations
    for other in others:
        first = {edge: number for edge, number in first.items() if edge in other}
    return [Span(start, end) for start, end in pairwise(first)]


def piece_offsets(pieces: Sequence[bytes], text: str) -> list[tuple[int, int]] | None:
    """The offsets of tokens by what they spell, for a tokenizer that gives none.

    None where the tokens do not spell the text, not even after Unicode's compatibility
    normalization (NFKC), which SentencePiece applies. Space is not compared: vocabularies mark it
    in many ways.

    >>> piece_offsets([b" Le", b" ch", b"at"], "Le chat")
    [(0, 2), (2, 5), (5, 7)]
    """
    characters = [character.encode() for character in text]
    normalized = [normalize("NFKC", character).encode() for character in text]
    return _aligned(pieces, characters) or _aligned(pieces, normalized)


def _aligned(pieces: Sequence[bytes], characters: Sequence[bytes]) -> list[tuple[int, int]] | None:
    """characters: the bytes of each character of the text."""
    spelled = b"".join(characters)
    owner = [number for number, each in enumerate(characters) for _ in each]
    offsets, at = [], 0
    for piece in pieces:
        begin, bare = at, piece.strip()
        while bare and spelled[at : at + 1].isspace():
            at += 1
        if not spelled.startswith(bare, at):
            return None
        at += len(bare)
        if at == begin:
            first = end = owner[at] if at < len(owner) else len(characters)
        else:
            first, end = owner[begin], owner[at - 1] + 1
        offsets.append((first, end))
    return offsets if not spelled[at:].strip() else None
