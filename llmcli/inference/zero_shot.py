"""Classification into labels that a model was not trained for: by entailment or likelihood."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Floats, softmax, weighted_mean
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.inference.batches import Job
from llmcli.inference.classification import (
    BUDGET,
    Classification,
    label_names,
    make_classification,
)
from llmcli.inference.close_labels import Recheck, is_close_sigmoid, is_close_softmax
from llmcli.inference.encoding import Encoded, Fitting, Window, encode, input_limit, pad_token
from llmcli.inference.likelihood import Ending, Likelihood
from llmcli.spec import Overflow
from llmcli.spec.tasks import ClassifyOptions


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A window of a text, paired with the sentence that states one of the labels."""

    label: int
    window: Window

    @property
    def size(self) -> int:
        """Tokens of the pair."""
        return self.window.size


class EntailmentClassifier:
    """Classifies rows with an NLI model: does the text entail the sentence that states a label?

    Source: Yin et al. 2019, "Benchmarking Zero-shot Text Classification".
    """

    window_rows = 256
    budget = BUDGET
    needs_text = True

    def __init__(self, loaded: Loaded, options: ClassifyOptions, on_overflow: Overflow) -> None:
        self._loaded, self._options = loaded, options
        self.recheck = Recheck(loaded, pad_token(loaded), self._is_close)
        self._fitting = Fitting(input_limit(loaded), on_overflow, cut=0)
        self._entails, self._contradicts = _entailment_classes(loaded)
        self.copies = len(options.labels)
        self._hypotheses = [
            options.hypothesis_template.replace("{}", label) for label in options.labels
        ]

    def prepare(self, rows: Sequence[Row]) -> list[Job[Hypothesis] | Failure]:
        """Pair the text of each row with the sentence of each label."""
        count = len(self._hypotheses)
        texts = [row.text for row in rows for _ in self._hypotheses]
        pairs = encode(self._loaded.tokenizer, texts, self._hypotheses * len(rows), self._fitting)
        return [self._job(row, pairs[at * count : (at + 1) * count]) for at, row in enumerate(rows)]

    @staticmethod
    def _job(row: Row, pairs: list[Encoded | InputError]) -> Job[Hypothesis] | Failure:
        units: list[Hypothesis] = []
        overflow: Overflow | None = None
        for label, pair in enumerate(pairs):
            if isinstance(pair, InputError):
                return Failure(row, pair)
            units += [Hypothesis(label, window) for window in pair.windows]
            overflow = overflow or pair.overflow
        return Job(row, units, overflow)

    def run(self, units: Sequence[Hypothesis]) -> list[Floats]:
        """Logits (L,) of each pair, over the classes of the NLI model."""
        return list(self.recheck.logits([unit.window for unit in units]))

    def finish(self, job: Job[Hypothesis], outputs: Sequence[Floats]) -> list[Classification]:
        """The probability of each label: on its own with `multi_label`, else of them together."""
        options = self._options
        scores = self._scores(job, outputs)
        return [make_classification(job, options.labels, scores, options.top)]

    def _scores(self, job: Job[Hypothesis], outputs: Sequence[Floats]) -> Floats:
        """The scores (L,) of the labels, from the logits of each pair."""
        logits = np.stack([self._mean(job, outputs, at) for at in range(len(self._hypotheses))])
        if self._options.multi_label:
            both = logits[:, [self._contradicts, self._entails]]  # (L, 2)
            return softmax(both)[:, 1]
        return softmax(logits[:, self._entails])

    def _is_close(self, job: Job[Hypothesis], outputs: Sequence[Floats], error: float) -> bool:
        """Whether rounding may have changed a label of a row. outputs: as of `run`."""
        scores = self._scores(job, outputs)[None]  # (1, L)
        if self._options.multi_label:  # each score is made of two logits
            return is_close_sigmoid(scores, [1], error, logits=2)
        return is_close_softmax(scores, [1], error)

    @staticmethod
    def _mean(job: Job[Hypothesis], outputs: Sequence[Floats], label: int) -> Floats:
        """Logits (L,) of one label: the mean over the text's windows."""
        at = [n for n, unit in enumerate(job.units) if unit.label == label]
        return weighted_mean([outputs[n] for n in at], [job.units[n].size for n in at])


class LikelihoodClassifier:
    """Classifies rows with a causal model: which label is the likeliest continuation?"""

    window_rows = 256
    budget = BUDGET
    needs_text = True

    def __init__(self, loaded: Loaded, options: ClassifyOptions, on_overflow: Overflow) -> None:
        if options.multi_label:
            raise UsageError(
                "`multi_label` with `labels` needs an entailment model: a causal model only ranks "
                "the labels against one another"
            )
        endings = [options.hypothesis_template.replace("{}", label) for label in options.labels]
        self._labels, self._top = options.labels, options.top
        self._likelihood = Likelihood(loaded, endings, on_overflow)
        self.copies = len(endings)

    def prepare(self, rows: Sequence[Row]) -> list[Job[Ending] | Failure]:
        """Put the sentence of each label after the text of each row."""
        return [self._likelihood.job(row) for row in rows]

    def run(self, units: Sequence[Ending]) -> list[Floats]:
        """Log-probability () of each ending, in nats."""
        return self._likelihood.logprobs(units)

    def finish(self, job: Job[Ending], outputs: Sequence[Floats]) -> list[Classification]:
        """The softmax over the labels, averaged over the text's windows."""
        count = len(self._labels)
        logprobs = np.stack(outputs).reshape(-1, count)  # (windows, L)
        weights = [unit.size for unit in job.units[::count]]
        scores = weighted_mean(list(softmax(logprobs)), weights)
        return [make_classification(job, self._labels, scores, self._top)]


def _entailment_classes(loaded: Loaded) -> tuple[int, int]:
    """The classes for entailment and for contradiction."""
    names = [name.lower() for name in label_names(loaded)]
    entails = [at for at, name in enumerate(names) if name.startswith("entail")]
    contradicts = [at for at, name in enumerate(names) if name.startswith(("contra", "not_entail"))]
    if not entails or not contradicts:
        raise ModelUnsuitable(
            f"{loaded.checkpoint.model_id} has the classes {', '.join(label_names(loaded))}: "
            "`labels` needs a model with classes for entailment and contradiction (NLI), or a "
            "causal one"
        )
    return entails[0], contradicts[0]
