"""How good a model's predictions are on rows whose answers are known."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from llmcli.evaluation.examples import Example
from llmcli.evaluation.metrics.classification import ClassScore, class_scores
from llmcli.evaluation.report import Measure, Mistake, Slice, measures, slices, worst
from llmcli.evaluation.task_metrics import Classes, Tags, Translated, make_board
from llmcli.spec.tasks import EvaluateOptions, EvaluationTask


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured."""

    task: EvaluationTask
    rows: int
    """That were evaluated: rows, lines of a document, or queries."""
    measures: tuple[Measure, ...]
    classes: tuple[ClassScore, ...] = ()
    labels: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """(L, L): a row for each label that was right, a column for each that was said."""
    slices: tuple[Slice, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    """Of those that are wrong, the ones that the model was surest of; else the worst rows."""
    baseline: tuple[Measure, ...] = ()
    """The same metrics of an n-gram model over the same tokens."""
    signatures: dict[str, str] = field(default_factory=dict)
    """How sacrebleu computed its scores."""


def evaluate(
    examples: Sequence[Example],
    options: EvaluateOptions,
    labels: Sequence[str] = (),
    baseline: Sequence[Example] = (),
) -> Evaluation:
    """Measure examples: all metrics of the task, with intervals, slices and the worst mistakes.

    labels: those of a classification, in the order in which they are shown. baseline: the same
    stretches of text, scored by another model. Raises InputError where there is nothing to
    measure.
    """
    board = make_board(examples, options, labels)
    everything = np.arange(len(examples))
    classes: tuple[ClassScore, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    shown: tuple[str, ...] = ()
    signatures: dict[str, str] = {}
    if isinstance(board, Classes):
        matrix = board.confusion(everything)
        classes, shown = tuple(class_scores(matrix, board.labels)), board.labels
        confusion = tuple(tuple(row) for row in matrix.tolist())
    elif isinstance(board, Tags):
        classes = tuple(board.classes(everything))
    elif isinstance(board, Translated):
        signatures = board.signatures
    other = make_board(baseline, options, ()) if baseline else None
    return Evaluation(
        task=options.task,
        rows=len(examples),
        measures=measures(board, len(examples), options),
        classes=classes,
        labels=shown,
        confusion=confusion,
        slices=slices(board, examples, options),
        mistakes=worst(board, examples, options.mistakes),
        baseline=measures(other, len(baseline), options) if other is not None else (),
        signatures=signatures,
    )
