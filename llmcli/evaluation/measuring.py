"""From a scorer to metrics with intervals, slices and mistakes."""

from collections.abc import Callable, Sequence

import numpy as np

from llmcli.arrays import Integers
from llmcli.evaluation.examples import Example
from llmcli.evaluation.metrics.bootstrap import FEWEST_ROWS, bootstrap
from llmcli.evaluation.metrics.intervals import EDGE, Interval, share_interval
from llmcli.evaluation.report import Measure, Mistake, Slice
from llmcli.evaluation.scorer import Scorer
from llmcli.spec.evaluation import EvaluateOptions

MOST_SLICES = 20  # of one column; the other values form one slice together
QUARTERS = 4


def measures(scorer: Scorer, rows: int, options: EvaluateOptions) -> tuple[Measure, ...]:
    """All metrics of a scorer, with the confidence intervals that hold what they promise.

    An interval of a share of the rows needs no sampling. The others are by bootstrap, for many
    rows, of which some are right and some are not.
    """
    values = scorer.scores(np.arange(rows))
    if options.bootstrap == 0:
        return _measures(scorer, values)
    intervals: dict[str, Interval] = {}
    if rows >= FEWEST_ROWS and not is_at_edge(scorer):
        drawn = bootstrap(scorer.scores, rows, times=options.bootstrap, seed=options.seed)
        intervals |= zip(scorer.names, drawn, strict=True)
    for name, share in scorer.shares.items():
        own = share_interval(int(share.counts.sum()), rows)
        intervals[name] = Interval(share.whole * own.low, share.whole * own.high)
    return tuple(
        _measure(name, value, None if name in scorer.no_interval else intervals.get(name))
        for name, value in zip(scorer.names, values, strict=True)
    )


def is_at_edge(scorer: Scorer) -> bool:
    """True if almost all rows are right, or wrong: too few of the others are drawn to vary."""
    if not scorer.is_right:
        return False
    wrong, nothing = (scorer.quality < 1).sum(), (scorer.quality <= 0).sum()
    return bool(min(wrong, len(scorer.quality) - nothing) <= EDGE)


def _measure(name: str, value: float, interval: Interval | None) -> Measure:
    if interval is None:
        return Measure(name, value)
    return Measure(name, value, interval.low, interval.high)


def _measures(scorer: Scorer, values: Sequence[float]) -> tuple[Measure, ...]:
    return tuple(Measure(name, value) for name, value in zip(scorer.names, values, strict=True))


def slices(
    scorer: Scorer, examples: Sequence[Example], options: EvaluateOptions
) -> tuple[Slice, ...]:
    """The metrics by each column of `options.by`; by `length`, those of four quarters."""
    columns = [by for by in options.by if by != "length"]
    measured = []
    for by in options.by:
        if by == "length":
            parts = _by_length([example.length for example in examples])
        else:
            at = columns.index(by)
            parts = _by_value([example.groups[at] for example in examples])
        for value, rows in parts:
            measured.append(Slice(by, value, len(rows), _measures(scorer, scorer.scores(rows))))
    return tuple(measured)


def _by_value(values: Sequence[str]) -> list[tuple[str, Integers]]:
    """The rows of each value, the most frequent value first."""
    rows: dict[str, list[int]] = {}
    for at, value in enumerate(values):
        rows.setdefault(value, []).append(at)
    order = sorted(rows, key=lambda value: -len(rows[value]))
    parts = [(value, np.array(rows[value])) for value in order[:MOST_SLICES]]
    rest = [at for value in order[MOST_SLICES:] for at in rows[value]]
    if rest:
        parts.append((f"({len(order) - MOST_SLICES} others)", np.array(rest)))
    return parts


def _by_length(lengths: Sequence[int]) -> list[tuple[str, Integers]]:
    """Quarters of the rows, shortest first; fewer parts where many rows have the same length.

    >>> [(name, rows.tolist()) for name, rows in _by_length([5, 1, 9, 2, 2, 7, 3, 8])]
    [('1-2', [1, 3, 4]), ('3', [6]), ('5-7', [0, 5]), ('8-9', [2, 7])]
    """
    sizes = np.array(lengths)
    ends = np.quantile(sizes, [n / QUARTERS for n in range(1, QUARTERS)], method="lower")
    quarter = np.searchsorted(ends, sizes)  # (N,); rows of equal length share a quarter
    parts = []
    for number in range(QUARTERS):
        rows = np.flatnonzero(quarter == number)
        if len(rows):
            low, high = sizes[rows].min(), sizes[rows].max()
            parts.append((f"{low}-{high}" if low < high else f"{low}", rows))
    return parts


def mistakes(
    scorer: Scorer, examples: Sequence[Example], count: int, as_text: Callable[[object], str]
) -> tuple[Mistake, ...]:
    """The `count` wrong rows of the highest confidence; without confidences, the worst rows.

    Of rows with the same text and values, the first one.

    as_text: shows an expected or a predicted value.
    """
    wrong = [at for at in range(len(examples)) if not scorer.is_right or scorer.quality[at] < 1]
    has_confidence = all(example.confidence is not None for example in examples)

    def order(at: int) -> tuple[float, int]:
        confidence = examples[at].confidence
        if has_confidence and confidence is not None:
            return -confidence, at
        return float(scorer.quality[at]), at

    shown: dict[tuple[object, str, str], Mistake] = {}  # rows that repeat another are left out
    for at in sorted(wrong, key=order):
        if len(shown) == count:
            break
        mistake = _mistake(examples[at], float(scorer.quality[at]), as_text)
        text = mistake.text or mistake.row  # texts that are not there are not the same
        shown.setdefault((text, mistake.expected, mistake.said), mistake)
    return tuple(shown.values())


def _mistake(example: Example, quality: float, as_text: Callable[[object], str]) -> Mistake:
    return Mistake(
        row=example.number,
        text=example.text,
        expected=as_text(example.expected),
        said=as_text(example.predicted),
        confidence=example.confidence,
        quality=quality,
    )
