"""Which of two models is better on the same rows, and on which rows they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Integers
from llmcli.errors import InputError
from llmcli.evaluation.examples import Example
from llmcli.evaluation.metrics.bootstrap import bootstrap
from llmcli.evaluation.metrics.mcnemar import mcnemar
from llmcli.evaluation.report import as_text
from llmcli.evaluation.task_metrics import Board, make_board
from llmcli.spec.tasks import EvaluateOptions, EvaluationTask


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric of both, and how far the second is above the first."""

    name: str
    a: float
    b: float
    difference: float
    low: float | None = None
    """Of the difference, with 95 percent confidence: the same rows were drawn for both."""
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Mcnemar:
    """On how many rows only one of the two is right."""

    only_a: int
    only_b: int
    p: float
    """The probability of a split at least so uneven by chance alone."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A row on which the two differ."""

    row: int
    text: str
    expected: str
    a: str
    b: str
    change: str
    """`right`: b alone is; `wrong`: a alone is; `better`, `worse`: in degree; `other`."""
    gain: float
    """How much better b is on the row, in the task's own measure of a row."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two models make of the same rows."""

    task: EvaluationTask
    rows: int
    """That both have a prediction for."""
    differences: tuple[Difference, ...]
    mcnemar: Mcnemar | None
    """None for a task whose rows are neither right nor wrong."""
    became_right: int
    became_wrong: int
    better: int
    worse: int
    changed: tuple[Changed, ...]
    """As many as were asked for; the greatest gains and losses first."""


def compare(
    first: Sequence[Example],
    second: Sequence[Example],
    options: EvaluateOptions,
    labels: Sequence[str] = (),
    rows: int = 10,
) -> Comparison:
    """Compare two models row by row. Rows that only one of them has are left out.

    rows: how many changed rows are told. Raises InputError where the two have no row in common,
    or what is right of a row is not the same for both.
    """
    pairs = _paired(first, second)
    a = make_board([one for one, _ in pairs], options, labels)
    b = make_board([other for _, other in pairs], options, labels)
    right = _right(a, b)
    gains = b.quality - a.quality
    qualities = zip(a.quality.tolist(), b.quality.tolist(), strict=True)
    changed = [
        _changed(pair, both, is_right=a.is_right)
        for pair, both in zip(pairs, qualities, strict=True)
    ]
    differing = [one for one in changed if one is not None]
    differing.sort(key=lambda one: (-abs(one.gain), one.row))
    return Comparison(
        task=options.task,
        rows=len(pairs),
        differences=_differences(a, b, len(pairs), options),
        mcnemar=right,
        became_right=sum(one.change == "right" for one in differing),
        became_wrong=sum(one.change == "wrong" for one in differing),
        better=int((gains > 0).sum()),
        worse=int((gains < 0).sum()),
        changed=tuple(differing[:rows]),
    )


def _paired(first: Sequence[Example], second: Sequence[Example]) -> list[tuple[Example, Example]]:
    others = {one.number: one for one in second}
    pairs = [(one, others[one.number]) for one in first if one.number in others]
    if not pairs:
        raise InputError("the two have no row in common")
    for one, other in pairs:
        if one.gold != other.gold:
            raise InputError(
                f"line {one.number} is {as_text(one.gold)!r} for the first and "
                f"{as_text(other.gold)!r} for the second: they are not of the same file"
            )
    return pairs


def _right(a: Board, b: Board) -> Mcnemar | None:
    if not a.is_right:
        return None
    first, second = a.quality == 1, b.quality == 1
    only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
    return Mcnemar(only_a, only_b, mcnemar(only_a, only_b))


def _differences(a: Board, b: Board, rows: int, options: EvaluateOptions) -> tuple[Difference, ...]:
    names = [name for name in a.names if name in b.names]
    at = [(a.names.index(name), b.names.index(name)) for name in names]

    def differences(drawn: Integers) -> list[float]:
        one, other = a.scores(drawn), b.scores(drawn)
        return [other[j] - one[i] for i, j in at]

    everything = np.arange(rows)
    one, other = a.scores(everything), b.scores(everything)
    found = [
        Difference(name, one[i], other[j], other[j] - one[i])
        for name, (i, j) in zip(names, at, strict=True)
    ]
    if options.bootstrap == 0 or rows < 2:
        return tuple(found)
    intervals = bootstrap(differences, rows, times=options.bootstrap, seed=options.seed)
    return tuple(
        Difference(d.name, d.a, d.b, d.difference, interval.low, interval.high)
        for d, interval in zip(found, intervals, strict=True)
    )


def _changed(
    pair: tuple[Example, Example], qualities: tuple[float, float], *, is_right: bool
) -> Changed | None:
    one, other = pair
    if one.said == other.said:
        return None
    gain = qualities[1] - qualities[0]
    change = "better" if gain > 0 else "worse" if gain < 0 else "other"
    if is_right and (qualities[0] == 1) != (qualities[1] == 1):
        change = "right" if qualities[1] == 1 else "wrong"
    said = as_text(one.said), as_text(other.said)
    return Changed(one.number, one.text, as_text(one.gold), *said, change, gain)
