"""What is told of a measurement: values with their intervals, classes, slices and mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Integers
from llmcli.evaluation.examples import Example, Surprisal
from llmcli.evaluation.metrics.bootstrap import bootstrap
from llmcli.evaluation.task_metrics import Board
from llmcli.spec.tasks import EvaluateOptions

SLICES = 20  # of one column at most; the rest is one slice more
QUARTERS = 4


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric, and where it lies with 95 percent confidence."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the rows, measured apart."""

    by: str
    value: str
    rows: int
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A row on which the prediction was worst."""

    row: int
    text: str
    expected: str
    said: str
    confidence: float | None
    quality: float


def measures(board: Board, rows: int, options: EvaluateOptions) -> tuple[Measure, ...]:
    """All metrics of a board, with intervals where there are rows to draw from."""
    everything = np.arange(rows)
    values = board.scores(everything)
    if options.bootstrap == 0 or rows < 2:
        return tuple(Measure(*one) for one in zip(board.names, values, strict=True))
    intervals = bootstrap(board.scores, rows, times=options.bootstrap, seed=options.seed)
    return tuple(
        Measure(name, value, one.low, one.high)
        for name, value, one in zip(board.names, values, intervals, strict=True)
    )


def slices(
    board: Board, examples: Sequence[Example], options: EvaluateOptions
) -> tuple[Slice, ...]:
    """The metrics by each column of `options.by`: by `length`, of four parts of equal size."""
    found = []
    columns = [one for one in options.by if one != "length"]
    for by in options.by:
        if by == "length":
            parts = _by_length([one.length for one in examples])
        else:
            at = columns.index(by)
            parts = _by_value([one.groups[at] for one in examples])
        for value, rows in parts:
            values = board.scores(rows)
            told = tuple(Measure(*one) for one in zip(board.names, values, strict=True))
            found.append(Slice(by, value, len(rows), told))
    return tuple(found)


def _by_value(values: Sequence[str]) -> list[tuple[str, Integers]]:
    rows: dict[str, list[int]] = {}
    for at, value in enumerate(values):
        rows.setdefault(value, []).append(at)
    order = sorted(rows, key=lambda value: -len(rows[value]))
    parts = [(value, np.array(rows[value])) for value in order[:SLICES]]
    rest = [at for value in order[SLICES:] for at in rows[value]]
    if rest:
        parts.append((f"({len(order) - SLICES} others)", np.array(rest)))
    return parts


def _by_length(lengths: Sequence[int]) -> list[tuple[str, Integers]]:
    """Quarters of the rows, from the shortest; fewer where many are of one length.

    >>> [(name, rows.tolist()) for name, rows in _by_length([5, 1, 9, 2, 2, 7, 3, 8])]
    [('1-2', [1, 3, 4]), ('3', [6]), ('5-7', [0, 5]), ('8-9', [2, 7])]
    """
    sizes = np.array(lengths)
    ends = np.quantile(sizes, [n / QUARTERS for n in range(1, QUARTERS)], method="lower")
    part = np.searchsorted(ends, sizes)  # (N,) which quarter each is in; equal ones share it
    found = []
    for number in range(QUARTERS):
        rows = np.flatnonzero(part == number)
        if len(rows):
            low, high = sizes[rows].min(), sizes[rows].max()
            found.append((f"{low}-{high}" if low < high else f"{low}", rows))
    return found


def worst(board: Board, examples: Sequence[Example], count: int) -> tuple[Mistake, ...]:
    """The rows that are wrong though the model was surest of them; else those of least quality."""
    wrong = [at for at in range(len(examples)) if not board.is_right or board.quality[at] < 1]
    sure = all(one.confidence is not None for one in examples)

    def order(at: int) -> tuple[float, int]:
        confidence = examples[at].confidence
        badness = confidence if sure and confidence is not None else -board.quality[at]
        return (-float(badness), at)

    return tuple(
        Mistake(
            row=examples[at].number,
            text=examples[at].text,
            expected=as_text(examples[at].gold),
            said=as_text(examples[at].said),
            confidence=examples[at].confidence,
            quality=float(board.quality[at]),
        )
        for at in sorted(wrong, key=order)[:count]
    )


def as_text(value: object) -> str:
    """What was expected or said, for a person.

    >>> as_text(("Jane Austen", "Austen", "Austen"))
    'Jane Austen | Austen'
    """
    if isinstance(value, Surprisal):
        return f"{value.nats:.1f} nats in {value.tokens} tokens"
    if isinstance(value, tuple):
        if value and all(isinstance(one, int) for one in value):
            return "rank " + ", ".join(map(str, value))
        return " | ".join(dict.fromkeys(map(str, value))) or "(no answer)"
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)
