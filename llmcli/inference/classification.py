"""Classification by a trained head, and the result that every way of classifying gives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.arrays import Floats, require_finite, sigmoid, softmax, weighted_mean
from llmcli.data.records import Record
from llmcli.data.results import Result, record_of
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import UsageError
from llmcli.inference.batches import Job
from llmcli.inference.close_labels import Recheck, is_close_sigmoid, is_close_softmax
from llmcli.inference.encoding import Fitting, Window, collate, encode_rows, input_limit, pad_token
from llmcli.spec import Overflow
from llmcli.spec.tasks import ClassifyOptions

BUDGET = 4096  # tokens of a batch, padding included


@dataclass(frozen=True, slots=True)
class LabelScore:
    """A label with its probability; of a regression model, with the number it computes."""

    label: str
    """The label's name in the checkpoint, or as it was given."""
    score: float
    """A probability; of a regression model, the number itself."""


@dataclass(frozen=True, slots=True)
class Classification(Result):
    """The labels of one text, or of one pair of texts."""

    text: str
    """The text that was classified."""
    pair: str | None
    """The second text; only of pairs of texts."""
    label: str
    """The label with the highest score."""
    score: float
    """The score of `label`."""
    scores: tuple[LabelScore, ...]
    """Every label, or the `top` best, in descending order of score."""
    overflow: Overflow | None
    """How a text that was too long was handled; None if it was not."""

    def to_dict(self) -> Record:
        """The result as JSON has it; of one text, without `pair`."""
        return record_of(self, without=("pair",) if self.pair is None else ())


class HeadClassifier:
    """Classifies rows with a model that has a classification head."""

    window_rows = 1024
    budget = BUDGET
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: ClassifyOptions, on_overflow: Overflow) -> None:
        self._loaded, self._top = loaded, options.top
        self.recheck = Recheck(loaded, pad_token(loaded), self._is_close, self._is_unit_close)
        self._fitting = Fitting(input_limit(loaded), on_overflow)
        self._names = label_names(loaded)
        self._activation = activation(loaded, options.multi_label)

    def prepare(self, rows: Sequence[Row]) -> list[Job[Window] | Failure]:
        """Tokenize the texts of rows, each in as many windows as it needs."""
        texts = [row.text for row in rows]
        return encode_rows(self._loaded.tokenizer, rows, texts, self._fitting)

    def run(self, units: Sequence[Window]) -> list[Floats]:
        """Logits (L,) of each window."""
        return list(self.recheck.logits(units))

    def finish(self, job: Job[Window], outputs: Sequence[Floats]) -> list[Classification]:
        """The mean of the windows' scores, weighted by their numbers of tokens."""
        sizes = [unit.size for unit in job.units]
        scores = weighted_mean(list(self._activation(np.stack(outputs))), sizes)
        return [make_classification(job, self._names, scores, self._top)]

    def _is_close(self, job: Job[Window], outputs: Sequence[Floats], error: float) -> bool:
        """Whether rounding may have changed a label of a row. outputs: as of `run`."""
        return self._are_close(np.stack(outputs), [unit.size for unit in job.units], error)

    def _is_unit_close(self, logits: Floats, error: float) -> bool:
        return self._are_close(logits[None], [1], error)

    def _are_close(self, logits: Floats, sizes: Sequence[float], error: float) -> bool:
        """logits: (W, L)."""
        scores = self._activation(logits)
        if self._activation is softmax:
            return is_close_softmax(scores, sizes, error)
        return self._activation is sigmoid and is_close_sigmoid(scores, sizes, error)


def class_logits(loaded: Loaded, units: Sequence[Window], pad: int) -> Floats:
    """Logits of a classifier (B, L), or of a tagger (B, T, L)."""
    logits = loaded.engine.forward(collate(units, pad)).logits
    assert logits is not None  # these models have them
    return logits


def make_classification(
    job: Job[Any], names: Sequence[str], scores: Floats, top: int | None
) -> Classification:
    """Rank the labels of a row by their scores (L,). Raises ModelUnsuitable where one is NaN."""
    require_finite(scores)
    order = np.argsort(-scores, kind="stable").tolist()
    ranked = tuple(LabelScore(names[at], scores[at].item()) for at in order)
    row, best = job.row, ranked[0]
    return Classification(
        row, row.text, row.pair, best.label, best.score, ranked[:top], job.overflow
    )


def label_names(loaded: Loaded) -> list[str]:
    """The names that a checkpoint gives its classes, in the order of its logits."""
    config = loaded.config
    return [str(config.id2label.get(at, f"LABEL_{at}")) for at in range(config.num_labels)]


def is_regression(loaded: Loaded) -> bool:
    """True for a model that computes numbers, not labels."""
    return bool(loaded.config.problem_type == "regression")


def activation(loaded: Loaded, multi_label: bool) -> Callable[[Floats], Floats]:
    """The function from logits (B, L) to scores: softmax over the classes, or sigmoid of each.

    multi_label: sigmoid, whatever the checkpoint says. Otherwise the configuration is read as the
    text-classification pipeline of transformers reads it: sigmoid for multi-label models and for a
    single output, the logits themselves for a regression, else softmax.
    Raises UsageError for multi_label with a regression.
    """
    config = loaded.config
    if multi_label and is_regression(loaded):
        raise UsageError("`multi_label` scores labels, but this model computes a number")
    if multi_label or config.problem_type == "multi_label_classification":
        return sigmoid
    if config.problem_type == "regression":
        return lambda logits: logits
    if config.num_labels == 1:
        return sigmoid
    return softmax
