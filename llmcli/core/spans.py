"""Which span of a text answers a question, by the scores of its first and last token."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from llmcli.core.encoding import Window


@dataclass(frozen=True, slots=True)
class SpanScores:
    """What a model said of one window."""

    start: Tensor
    """(n,) logits: does the answer begin with this token of the context?"""
    end: Tensor
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
    top: int,
    longest: int,
    none: float | None,
) -> list[Span]:
    """The `top` spans of at most `longest` tokens with the highest score, the best first.

    Start and end are scored together: a span is valid if its last token does not come before
    its first and both are in one window. A span in several windows has the best of its scores.
    The probability is the softmax over all valid spans and, where `none` is given, over no
    answer with that score. Source: Devlin et al. 2019, section 4.2.
    """
    grid, offsets = _grid(windows, scores, longest)
    flat = grid.flatten()
    everything = flat if none is None else torch.cat([flat, torch.tensor([none])])
    total = everything.logsumexp(0)
    found: list[Span] = []
    count = min(len(flat), 4 * top + 16)  # more than asked for: some are of spaces alone
    best = flat.topk(count)
    for index, score in zip(best.indices.tolist(), best.values.tolist(), strict=True):
        first, length = divmod(index, grid.shape[1])
        if score == float("-inf") or len(found) == top:
            break
        start, end = _trimmed(context, offsets[first][0], offsets[first + length][1])
        if start < end and not any((one.start, one.end) == (start, end) for one in found):
            found.append(Span(start, end, score, float((torch.tensor(score) - total).exp())))
    return found


def _grid(
    windows: Sequence[Window], scores: Sequence[SpanScores], longest: int
) -> tuple[Tensor, dict[int, tuple[int, int]]]:
    """Scores (N, L) of the spans from each token on, by length; offsets of the N tokens."""
    size = max(window.start + len(window.content) for window in windows)
    length = min(longest, max(len(window.content) for window in windows))
    grid = torch.full((size, length), float("-inf"))
    offsets: dict[int, tuple[int, int]] = {}
    for window, one in zip(windows, scores, strict=True):
        offsets |= dict(enumerate(window.offsets, window.start))
        count = len(one.start)
        for extra in range(min(length, count)):
            here = grid[window.start : window.start + count - extra, extra]
            both = one.start[: count - extra] + one.end[extra:]
            torch.maximum(here, both, out=here)
    return grid, offsets


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the spaces at its ends.

    >>> _trimmed("in Paris now", 2, 9)
    (3, 8)
    """
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - (len(part) - len(part.rstrip()))
