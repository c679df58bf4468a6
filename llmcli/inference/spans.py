"""Find the spans of a text that answer a question, from start and end logits of its tokens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Floats, top
from llmcli.data.storable import storable
from llmcli.inference.encoding import Window


@storable
@dataclass(frozen=True, slots=True)
class SpanScores:
    """Output of a question-answering model for one window."""

    start: Floats
    """Logits (n,) that the answer starts at each token of the context."""
    end: Floats
    """Logits (n,) that the answer ends at each token of the context."""
    none: float
    """Sum of both logits at [CLS], or at the first token without it: the score of no answer."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the context that may be the answer."""

    start: int
    """In characters."""
    end: int
    """In characters, exclusive."""
    score: float
    """Sum of the start logit of the first token and the end logit of the last."""
    probability: float
    """Softmax of the score over all valid spans, and over no answer if that is allowed."""


def best_spans(
    windows: Sequence[Window],
    scores: Sequence[SpanScores],
    context: str,
    *,
    count: int,
    longest: int,
    none: float | None,
) -> list[Span]:
    """The `count` spans of at most `longest` tokens with the highest scores, best first.

    A span is valid if its last token does not come before its first and one window holds both.
    The score of a span that lies in several windows is its maximum over them.
    none: score of no answer, which the softmax then includes; None: there must be an answer.
    Source: Devlin et al. 2019, section 4.2.
    """
    grid, offsets = _grid(windows, scores, longest)
    flat = grid.ravel()
    total = float(np.logaddexp.reduce(flat if none is None else [*flat, none]))
    spans: dict[tuple[int, int], Span] = {}
    candidates = top(flat, 4 * count + 16)  # more than `count`: some are spaces, or duplicates
    for index in candidates.tolist():
        first, extra = divmod(index, grid.shape[1])
        score = float(flat[index])
        if score == float("-inf") or len(spans) == count:
            break
        start, end = _trimmed(context, offsets[first][0], offsets[first + extra][1])
        if start < end and (start, end) not in spans:
            spans[start, end] = Span(start, end, score, math.exp(score - total))
    return list(spans.values())


def _grid(
    windows: Sequence[Window], scores: Sequence[SpanScores], longest: int
) -> tuple[Floats, dict[int, tuple[int, int]]]:
    """Scores (N, L) of all spans of the N tokens of a context, and their character offsets.

    The row is the first token, the column the number of tokens after it; -inf: not valid.
    """
    size = max(window.start + len(window.content) for window in windows)
    length = min(longest, max(len(window.content) for window in windows))
    grid = np.full((size, length), -np.inf, np.float32)
    offsets: dict[int, tuple[int, int]] = {}
    for window, logits in zip(windows, scores, strict=True):
        offsets |= dict(enumerate(window.offsets, window.start))
        count = len(logits.start)
        for extra in range(min(length, count)):
            cells = grid[window.start : window.start + count - extra, extra]  # a view
            sums = logits.start[: count - extra] + logits.end[extra:]
            np.maximum(cells, sums, out=cells)
    return grid, offsets


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Start and end of a span without the spaces at its ends.

    >>> _trimmed("in Paris now", 2, 9)
    (3, 8)
    """
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))
