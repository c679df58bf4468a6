"""Cross-attention as an alignment of the words of a text with those of its translation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Floats
from llmcli.inference.words import running_words, words_of_tokens


@dataclass(frozen=True, slots=True)
class Word:
    """Consecutive tokens that spell one word."""

    text: str
    """The word, without the space in front of it."""
    start: int
    """Position of its first token."""
    stop: int
    """Position after its last token."""


def words_of(pieces: Sequence[str | None]) -> tuple[Word, ...]:
    """The words that tokens spell, from what each token spells; special tokens are in none.

    pieces: the text of each token with its spaces, None for a special token. A word is what
    `running_words` calls one: a Chinese character and a punctuation mark are words; but a token
    is never split.

    >>> words_of([" sleep", "s", ".", None])
    (Word(text='sleeps', start=0, stop=2), Word(text='.', start=2, stop=3))
    """
    text = "".join(piece or "" for piece in pieces)
    ends = np.cumsum([len(piece or "") for piece in pieces]).tolist()
    starts = [end - len(piece or "") for end, piece in zip(ends, pieces, strict=True)]
    numbers = words_of_tokens(running_words(text), list(zip(starts, ends, strict=True)))
    words: list[Word] = []
    last: int | None = None
    for at, (piece, number) in enumerate(zip(pieces, numbers, strict=True)):
        if piece is None:
            last = None
        elif number is not None and number == last:
            words[-1] = Word(words[-1].text + piece, words[-1].start, at + 1)
        else:
            words.append(Word(piece.strip(), at, at + 1))
            last = number
    return tuple(words)


def without_special(weights: Floats, special: Sequence[bool]) -> tuple[Floats, Floats]:
    """Weights without the columns of special tokens, and how much weight they had.

    weights: (..., Tt, Ts). The other columns are divided by their sum, so that a row sums to 1.
    Returns (..., Tt, Ts) and (..., Tt).
    """
    hidden = np.asarray(special, bool)
    kept = np.where(hidden, 0.0, weights)
    total = kept.sum(-1, keepdims=True)
    scaled = np.divide(kept, total, out=np.zeros_like(kept), where=total > 0)
    return np.asarray(scaled, np.float32), np.asarray(weights[..., hidden].sum(-1), np.float32)


def merged(weights: Floats, targets: Sequence[Word], sources: Sequence[Word]) -> Floats:
    """Weights between words: (..., Wt, Ws) of (..., Tt, Ts).

    The weight on a word is the sum over its tokens; that from a word is the mean over its tokens
    (Clark et al. 2019, section 4.1).
    """
    columns = np.stack([weights[..., word.start : word.stop].sum(-1) for word in sources], -1)
    rows = [columns[..., word.start : word.stop, :].mean(-2) for word in targets]
    return np.asarray(np.stack(rows, -2), np.float32)
