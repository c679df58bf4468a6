"""Which of some labels a text has: by a trained head, or zero-shot by what the labels mean."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.arrays import Floats, require_numbers, sigmoid, softmax, weighted_mean
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.inference.batches import Job, process
from llmcli.inference.encoding import (
    Encoded,
    Fitting,
    Window,
    collate,
    encode,
    encode_rows,
    input_limit,
    pad_token,
)
from llmcli.inference.likelihood import Ending, Likelihood
from llmcli.spec import AUTO_BATCH, BatchOptions, Overflow
from llmcli.spec.tasks import ClassifyOptions

BUDGET = 4096  # tokens of a batch, padding included


@dataclass(frozen=True, slots=True)
class LabelScore:
    """A label, and a probability; for a model of one number, that number."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Classification:
    """What one text, or one pair of texts, was found to be."""

    row: Row
    text: str
    pair: str | None
    label: str
    """The best one."""
    score: float
    scores: tuple[LabelScore, ...]
    """Every label, or as many as were asked for, the best first."""
    overflow: Overflow | None


def classify(
    loaded: Loaded, rows: Iterable[Row], options: ClassifyOptions, batch: BatchOptions = AUTO_BATCH
) -> Iterator[Classification | Failure]:
    """Yield the labels of each row in order.

    With `options.labels`, zero-shot: through entailment where the model is a classifier of it, else
    through the likelihood of each label. Without, by the model's own head.
    Raises ModelUnsuitable for a classifier that knows no entailment, UsageError where
    `options.multi_label` means nothing.
    """
    if not options.labels:
        yield from process(_Head(loaded, options, batch.on_overflow), rows, loaded.batch(batch))
    elif loaded.kind == "causal":
        yield from process(_Likely(loaded, options, batch.on_overflow), rows, loaded.batch(batch))
    else:
        yield from process(
            _Entailment(loaded, options, batch.on_overflow), rows, loaded.batch(batch)
        )


class _Head:
    """A model with a classification head."""

    window_rows = 1024
    budget = BUDGET
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: ClassifyOptions, on_overflow: Overflow) -> None:
        self._loaded, self._spec = loaded, options
        self._pad = pad_token(loaded)
        self._fitting = Fitting(input_limit(loaded), on_overflow)
        self._names = label_names(loaded)
        self._activation = activation(loaded, options.multi_label)

    def prepare(self, rows: Sequence[Row]) -> list[Job[Window] | Failure]:
        texts = [row.text for row in rows]
        return encode_rows(self._loaded.tokenizer, rows, texts, self._fitting)

    def run(self, units: Sequence[Window]) -> list[Floats]:
        """Scores (L,) of each window."""
        return list(self._activation(_logits(self._loaded, units, self._pad)))

    def finish(self, job: Job[Window], outputs: Sequence[Floats]) -> list[Classification]:
        scores = weighted_mean(outputs, [unit.size for unit in job.units])
        return [_classification(job, self._names, scores, self._spec.top)]


class _Entailment:
    """A model that tells whether one text follows from another: does the label, from the text?

    Source: Yin et al. 2019, "Benchmarking Zero-shot Text Classification".
    """

    window_rows = 256
    budget = BUDGET
    needs_text = True

    def __init__(self, loaded: Loaded, options: ClassifyOptions, on_overflow: Overflow) -> None:
        self._loaded, self._spec = loaded, options
        self._pad = pad_token(loaded)
        self._fitting = Fitting(input_limit(loaded), on_overflow, cut=0)
        self._entails, self._contradicts = _entailment_labels(loaded)
        self.copies = len(options.labels)
        self._hypotheses = [
            options.hypothesis_template.replace("{}", label) for label in options.labels
        ]

    def prepare(self, rows: Sequence[Row]) -> "list[Job[_Hypothesis] | Failure]":
        count = len(self._hypotheses)
        texts = [row.text for row in rows for _ in self._hypotheses]
        found = encode(self._loaded.tokenizer, texts, self._hypotheses * len(rows), self._fitting)
        return [self._job(row, found[at * count : (at + 1) * count]) for at, row in enumerate(rows)]

    def _job(self, row: Row, found: list[Encoded | InputError]) -> "Job[_Hypothesis] | Failure":
        units: list[_Hypothesis] = []
        overflow: Overflow | None = None
        for label, one in enumerate(found):
            if isinstance(one, InputError):
                return Failure(row, one)
            units += [_Hypothesis(label, window) for window in one.windows]
            overflow = overflow or one.overflow
        return Job(row, units, overflow)

    def run(self, units: Sequence["_Hypothesis"]) -> list[Floats]:
        """Logits (3,), or as many as the model has, of each pair of texts."""
        return list(_logits(self._loaded, [unit.window for unit in units], self._pad))

    def finish(self, job: "Job[_Hypothesis]", outputs: Sequence[Floats]) -> list[Classification]:
        logits = np.stack([self._mean(job, outputs, at) for at in range(len(self._hypotheses))])
        if self._spec.multi_label:  # each label for itself: entailed, or contradicted
            both = logits[:, [self._contradicts, self._entails]]  # (L, 2)
            scores = softmax(both)[:, 1]
        else:
            scores = softmax(logits[:, self._entails])
        return [_classification(job, self._spec.labels, scores, self._spec.top)]

    @staticmethod
    def _mean(job: "Job[_Hypothesis]", outputs: Sequence[Floats], label: int) -> Floats:
        """Logits of one label: of the text's windows together."""
        at = [n for n, unit in enumerate(job.units) if unit.label == label]
        return weighted_mean([outputs[n] for n in at], [job.units[n].size for n in at])


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    label: int
    window: Window

    @property
    def size(self) -> int:
        return self.window.size


class _Likely:
    """A causal model: which label is the text likely to go on with?"""

    window_rows = 256
    budget = BUDGET
    needs_text = True

    def __init__(self, loaded: Loaded, options: ClassifyOptions, on_overflow: Overflow) -> None:
        if options.multi_label:
            raise UsageError(
                "--multi-label with --labels needs a model for entailment: a causal model only "
                "tells which label is the likeliest"
            )
        endings = [options.hypothesis_template.replace("{}", label) for label in options.labels]
        self._labels, self._top = options.labels, options.top
        self._likelihood = Likelihood(loaded, endings, on_overflow)
        self.copies = len(endings)

    def prepare(self, rows: Sequence[Row]) -> list[Job[Ending] | Failure]:
        return [self._likelihood.job(row) for row in rows]

    def run(self, units: Sequence[Ending]) -> list[Floats]:
        """Log-probability () of each ending."""
        return self._likelihood.logprobs(units)

    def finish(self, job: Job[Ending], outputs: Sequence[Floats]) -> list[Classification]:
        count = len(self._labels)
        each = np.stack(outputs).reshape(-1, count)  # (windows, L)
        weights = [unit.size for unit in job.units[::count]]
        scores = weighted_mean(list(softmax(each)), weights)
        return [_classification(job, self._labels, scores, self._top)]


def _logits(loaded: Loaded, units: Sequence[Window], pad: int) -> Floats:
    """Logits (B, L)."""
    logits = loaded.engine.run(collate(units, pad)).logits
    assert logits is not None  # of a classifier
    return logits


def _classification(
    job: Job[Any], names: Sequence[str], scores: Floats, top: int | None
) -> Classification:
    """scores (L,). Raises ModelUnsuitable where they are no numbers."""
    require_numbers(scores)
    order = np.argsort(-scores, kind="stable").tolist()
    ranked = tuple(LabelScore(names[at], scores[at].item()) for at in order)
    row = job.row
    best = ranked[0]
    return Classification(
        row, row.text, row.pair, best.label, best.score, ranked[:top], job.overflow
    )


def label_names(loaded: Loaded) -> list[str]:
    """The names that a checkpoint gives its classes, in the order of its logits."""
    config = loaded.config
    return [str(config.id2label.get(at, f"LABEL_{at}")) for at in range(config.num_labels)]


def activation(loaded: Loaded, multi_label: bool) -> Callable[[Floats], Floats]:
    """What makes scores of logits (B, L): softmax over classes, or sigmoid for each.

    multi_label: sigmoid, whatever the checkpoint says. It is read as transformers' own
    text-classification pipeline reads it: sigmoid for several labels at once and for a single
    output, nothing for a regression, else softmax.
    """
    config = loaded.config
    if multi_label or config.problem_type == "multi_label_classification":
        return sigmoid
    if config.problem_type == "regression":
        return lambda logits: logits
    if config.num_labels == 1:
        return sigmoid
    return softmax


def _entailment_labels(loaded: Loaded) -> tuple[int, int]:
    """The classes that say: it follows, and: it does not."""
    names = [name.lower() for name in label_names(loaded)]
    entails = [at for at, name in enumerate(names) if name.startswith("entail")]
    against = [at for at, name in enumerate(names) if name.startswith(("contra", "not_entail"))]
    if not entails or not against:
        raise ModelUnsuitable(
            f"{loaded.checkpoint.model_id} tells {', '.join(label_names(loaded))}: --labels needs "
            "a model that tells entailment from contradiction (NLI), or a causal one"
        )
    return entails[0], against[0]
