"""What an attention head attends to: scores of its kind, each between 0 and 1.

| kind | score of a head with weights A (Tq, Tk) | source |
|---|---|---|
| previous | mean over t >= 1 of A[t, t-1] | Voita et al. 2019, section 5.2 |
| next | mean over t <= T-2 of A[t, t+1] | Voita et al. 2019, section 5.2 |
| first | mean over t >= 1 of A[t, 0] | Xiao et al. 2024, section 3.1 |
| last | mean over t <= T-2 of A[t, T-1] | Clark et al. 2019, section 3.2, on [SEP] |
| same | mean over t of the sum of A[t, s] with ids[s] = ids[t] | Wang et al. 2023, section 3.1 |
| induction | random tokens, twice in a row: mean of A[t, t-n+1] in the second half | Olsson 2022 |
| broad | mean over t of the entropy of A[t] / log(number of visible positions) | Clark 2019, 3.3 |

Rows that can see a single position say nothing about a head and are left out.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from llmcli.arrays import Floats

Direction = Literal["causal", "bidirectional", "cross"]
"""Whether a token sees what stands before it, its whole text, or another text."""
HeadKind = Literal["previous", "next", "first", "last", "same", "induction", "broad", "mixed"]
POINTED: dict[Direction, tuple[HeadKind, ...]] = {
    "causal": ("previous", "first", "same"),
    "bidirectional": ("previous", "next", "first", "last", "same"),
    "cross": ("first", "last", "same"),
}
"""The kinds that point to certain positions of the text; `induction` has a text of its own."""
MOST = 0.5
"""A head is of a pointed kind if more than this part of its weight is there."""
BROAD = 0.8
"""A head is broad if its entropy is more than this part of that of equal weights."""


def head_scores(
    direction: Direction, weights: Floats, visible: Floats, same_token: Floats
) -> dict[HeadKind, Floats]:
    """The scores of the heads of one layer, each (H,), but for `induction`.

    weights: (H, Tq, Tk). visible: (Tq, Tk), 1 where a query sees a key. same_token: (Tq, Tk), 1
    where both are the same token. A score without a row to measure it on is NaN.
    """
    queries, keys = visible.shape
    several = visible.sum(-1) > 1  # (Tq,): with one visible position, its weight is always 1
    at = np.arange(min(queries, keys))
    places: dict[HeadKind, tuple[np.ndarray, np.ndarray]] = {
        "previous": (at[1:], at[:-1]),
        "next": (at[:-1], at[1:]),
        "first": (np.arange(queries), np.zeros(queries, int)),
        "last": (np.arange(queries), np.full(queries, keys - 1)),
    }
    if direction != "cross":  # a position is not measured by the weight on itself
        places["first"] = places["first"][0][1:], places["first"][1][1:]
        places["last"] = places["last"][0][:-1], places["last"][1][:-1]
    scores: dict[HeadKind, Floats] = {}
    for kind in POINTED[direction]:
        if kind in places:
            rows, columns = places[kind]
            kept = several[rows]
            scores[kind] = _mean(weights[:, rows[kept], columns[kept]])
        elif kind == "same":
            scores[kind] = _mean((weights * same_token).sum(-1)[:, several])
    scores["broad"] = _mean(relative_entropy(weights[:, several], visible[several]))
    return scores


def relative_entropy(weights: Floats, visible: Floats) -> Floats:
    """The entropy of each row, relative to equal weights on all that it sees: (..., Tq).

    weights: (..., Tq, Tk). visible: (Tq, Tk), with two or more visible positions in each row.
    """
    logs = np.log(np.where(weights > 0, weights, 1.0))
    return np.asarray(-(weights * logs).sum(-1) / np.log(visible.sum(-1)), np.float32)


def induction_score(weights: Floats, start: int, length: int) -> Floats:
    """How much the heads attend to the token after the earlier occurrence of their own: (H,).

    weights: (H, T, T), on `length` random tokens from position `start` on, repeated once.
    """
    rows = np.arange(start + length, start + 2 * length)
    return _mean(weights[:, rows, rows - length + 1])


def kind_of(scores: Mapping[HeadKind, float]) -> HeadKind:
    """The kind of one head: where most of its weight is, `broad`, or `mixed` for neither.

    >>> kind_of({"previous": 0.9, "first": 0.1, "broad": 0.2})
    'previous'
    >>> kind_of({"previous": 0.2, "first": 0.2, "broad": 0.95})
    'broad'
    >>> kind_of({"previous": 0.3, "first": 0.4, "broad": 0.5})
    'mixed'
    """
    pointed = {kind: score for kind, score in scores.items() if kind != "broad" and score > MOST}
    if pointed:
        return max(pointed, key=lambda kind: pointed[kind])
    return "broad" if scores["broad"] > BROAD else "mixed"


def _mean(values: Floats) -> Floats:
    """The mean of the last axis; NaN without values."""
    if values.shape[-1] == 0:
        return np.full(values.shape[:-1], np.nan, np.float32)
    return np.asarray(values.mean(-1), np.float32)
