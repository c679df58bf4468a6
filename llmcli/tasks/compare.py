"""Which of two models is better on the same rows, and on which rows they differ."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from llmcli.arrays import Integers
from llmcli.errors import InputError
from llmcli.evaluation.comparison import Change, Comparison, Difference, McnemarTest
from llmcli.evaluation.evaluators import complete_options, evaluator_of
from llmcli.evaluation.examples import Example
from llmcli.evaluation.metrics.bootstrap import FEWEST_ROWS, bootstrap
from llmcli.evaluation.metrics.intervals import EDGE, Interval, paired_interval
from llmcli.evaluation.metrics.mcnemar import mcnemar
from llmcli.evaluation.predictions import Predictions
from llmcli.evaluation.scorer import Scorer
from llmcli.spec.evaluation import EvaluateOptions

Pair = tuple[Example, Example]
AsText = Callable[[object], str]


def compare(
    first: Predictions, second: Predictions, options: EvaluateOptions, changed: int = 10
) -> Comparison:
    """Compare the predictions of two models row by row, without rows that one of them lacks.

    changed: how many of the rows with different predictions to report.
    Raises InputError where the two have no row in common, or expect different values of a row.
    """
    options = complete_options(options)
    evaluator = evaluator_of(options.task)
    for predictions in (first, second):
        predictions.require_examples()
    second = _with_names_of(first, second)
    pairs = _paired(first.examples, second.examples, evaluator.as_text)
    labels = tuple(dict.fromkeys([*first.labels, *second.labels]))
    a = evaluator.scorer([example for example, _ in pairs], options, labels)
    b = evaluator.scorer([example for _, example in pairs], options, labels)
    gains = b.quality - a.quality
    changes = _changes(pairs, a, b, evaluator.as_text)
    return Comparison(
        task=options.task,
        a=first.source,
        b=second.source,
        input=first.input,
        rows=len(pairs),
        unit=first.unit,
        differences=_differences(a, b, len(pairs), options),
        bootstrap=options.bootstrap,
        seed=options.seed,
        mcnemar=_mcnemar(a, b),
        became_right=sum(change.change == "right" for change in changes),
        became_wrong=sum(change.change == "wrong" for change in changes),
        better=int((gains > 0).sum()),
        worse=int((gains < 0).sum()),
        changed=tuple(changes[:changed]),
        failures_a=tuple(first.failures),
        failures_b=tuple(second.failures),
        rows_read=max(first.total, second.total),
        notes=(*first.all_notes(), *second.all_notes()),
    )


def _with_names_of(first: Predictions, second: Predictions) -> Predictions:
    """The second one's predictions with the first one's names for the labels of the same rows.

    Unchanged where the two name them alike, or are not of one file, or contradict each other.
    """
    if first.input != second.input or not first.labels:
        return second
    own = {example.number: example.expected for example in first.examples}
    known = [example for example in second.examples if example.number in own]
    pairs = {(example.expected, own[example.number]) for example in known}
    names = dict(pairs)
    differ = {name for name, label in pairs if name != label}
    if len(names) < len(pairs) or len(set(names.values())) < len(names):
        return second
    if not differ or differ & set(first.labels):
        return second
    return replace(
        second,
        labels=tuple(dict.fromkeys(names.get(label, label) for label in second.labels)),
        examples=[
            replace(
                example,
                expected=names.get(example.expected, example.expected),
                predicted=names.get(example.predicted, example.predicted),
            )
            for example in second.examples
        ],
    )


def _paired(first: Sequence[Example], second: Sequence[Example], as_text: AsText) -> list[Pair]:
    """The examples of the rows that both have."""
    others = {example.number: example for example in second}
    pairs = [(example, others[example.number]) for example in first if example.number in others]
    if not pairs:
        raise InputError("the two have no row in common")
    for a, b in pairs:
        if a.expected != b.expected:
            raise InputError(
                f"line {a.number} is {as_text(a.expected)!r} for the first and "
                f"{as_text(b.expected)!r} for the second: they are not of the same file"
            )
    return pairs


def _mcnemar(a: Scorer, b: Scorer) -> McnemarTest | None:
    if not a.is_right:
        return None
    is_a_right, is_b_right = a.quality == 1, b.quality == 1
    only_a = int((is_a_right & ~is_b_right).sum())
    only_b = int((is_b_right & ~is_a_right).sum())
    return McnemarTest(only_a, only_b, mcnemar(only_a, only_b))


def _differences(
    a: Scorer, b: Scorer, rows: int, options: EvaluateOptions
) -> tuple[Difference, ...]:
    """The metrics that both scorers have, with intervals of their differences."""
    names = [name for name in a.names if name in b.names]

    def values(scorer: Scorer, drawn: Integers) -> list[float]:
        scores = dict(zip(scorer.names, scorer.scores(drawn), strict=True))
        return [scores[name] for name in names]

    def differences(drawn: Integers) -> list[float]:
        return [y - x for x, y in zip(values(a, drawn), values(b, drawn), strict=True)]

    everything = np.arange(rows)
    columns = (names, values(a, everything), values(b, everything), differences(everything))
    metrics = [Difference(*metric) for metric in zip(*columns, strict=True)]
    if not options.bootstrap:
        return tuple(metrics)
    intervals: dict[str, Interval] = {}
    if rows >= FEWEST_ROWS and int((a.quality != b.quality).sum()) > EDGE:
        drawn = bootstrap(differences, rows, times=options.bootstrap, seed=options.seed)
        intervals |= zip(names, drawn, strict=True)
    intervals |= _share_intervals(a, b, rows)
    return tuple(
        replace(metric, low=interval.low, high=interval.high)
        if (interval := intervals.get(metric.name)) and metric.name not in a.no_interval
        else metric
        for metric in metrics
    )


def _share_intervals(a: Scorer, b: Scorer, rows: int) -> dict[str, Interval]:
    """The intervals of differences of shares, which need no sampling."""
    intervals = {}
    for name in a.shares.keys() & b.shares.keys():
        first, second = a.shares[name], b.shares[name]
        only_first = int((first.counts & ~second.counts).sum())
        only_second = int((second.counts & ~first.counts).sum())
        own = paired_interval(only_first, only_second, rows)
        intervals[name] = Interval(first.whole * own.low, first.whole * own.high)
    return intervals


def _changes(pairs: Sequence[Pair], a: Scorer, b: Scorer, as_text: AsText) -> list[Change]:
    """The rows with different predictions, the greatest gains and losses first."""
    changes = []
    qualities = zip(a.quality.tolist(), b.quality.tolist(), strict=True)
    for (first, second), (before, after) in zip(pairs, qualities, strict=True):
        if first.predicted == second.predicted:
            continue
        change = Change(
            row=first.number,
            text=first.text,
            expected=as_text(first.expected),
            a=as_text(first.predicted),
            b=as_text(second.predicted),
            change=_kind_of_change(before, after, is_right=a.is_right),
            gain=after - before,
        )
        changes.append(change)
    return sorted(changes, key=lambda change: (-abs(change.gain), change.row))


def _kind_of_change(before: float, after: float, *, is_right: bool) -> str:
    if is_right and (before == 1) != (after == 1):
        return "right" if after == 1 else "wrong"
    return "better" if after > before else "worse" if after < before else "other"
