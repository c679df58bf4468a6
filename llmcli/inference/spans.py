"""Which span of a text answers a question, by the scores of its first and last token."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Floats, top
from llmcli.inference.encoding import Window


@dataclass(frozen=True, slots=True)
class SpanScores:
    """What a model said of one window."""

    start: Floats
    """(n,) logits: does the answer begin with this token of the context?"""
    end: Floats
    """(n,) logits: does it end with it?"""
    none: float
    """Sum of both logits at the first token of all, which stands for no answer."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the context."""

    start: int
    """In characters."""
    end: int
    score: float
    """Sum of the logits of its first and its last token."""
    probability: float


def best_spans(
    windows: Sequence[Window],
    scores: Sequence[SpanScores],
    context: str,
    *,
    count: int,
    longest: int,
    none: float | None,
) -> list[Span]:
    """The `count` best spans of at most `longest` tokens with the highest score, the best first.

    Start and end are scored together: a span is valid if its last token does not come before
    its first and both are in one window. A span in several windows has the best of its scores.
    The probability is the softmax over all valid spans and, where `none` is given, over no
    answer with that score. Source: Devlin et al. 2019, section 4.2.
    """
    grid, offsets = _grid(windows, scores, longest)
    flat = grid.ravel()
    total = float(np.logaddexp.reduce(flat if none is None else [*flat, none]))
    found: list[Span] = []
    for index in top(
        flat, 4 * count + 16
    ).tolist():  # more than asked for: some are of spaces alone
        first, length = divmod(index, grid.shape[1])
        score = float(flat[index])
        if score == float("-inf") or len(found) == count:
            break
        start, end = _trimmed(context, offsets[first][0], offsets[first + length][1])
        if start < end and not any((one.start, one.end) == (start, end) for one in found):
            found.append(Span(start, end, score, math.exp(score - total)))
    return found


def _grid(
    windows: Sequence[Window], scores: Sequence[SpanScores], longest: int
) -> tuple[Floats, dict[int, tuple[int, int]]]:
    """Scores (N, L) of the spans from each token on, by length; offsets of the N tokens."""
    size = max(window.start + len(window.content) for window in windows)
    length = min(longest, max(len(window.content) for window in windows))
    grid = np.full((size, length), -np.inf, np.float32)
    offsets: dict[int, tuple[int, int]] = {}
    for window, one in zip(windows, scores, strict=True):
        offsets |= dict(enumerate(window.offsets, window.start))
        count = len(one.start)
        for extra in range(min(length, count)):
            here = grid[window.start : window.start + count - extra, extra]
            both = one.start[: count - extra] + one.end[extra:]
            np.maximum(here, both, out=here)
    return grid, offsets


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the spaces at its ends.

    >>> _trimmed("in Paris now", 2, 9)
    (3, 8)
    """
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))
