"""The metrics of each task over any selection of rows, so that rows can be drawn and sliced."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from llmcli.arrays import Doubles, Integers
from llmcli.errors import InputError
from llmcli.evaluation.examples import Example, Surprisal
from llmcli.evaluation.metrics import (
    bleu,
    calibration,
    classification,
    correlation,
    entities,
    retrieval,
    squad,
)
from llmcli.spec.tasks import EvaluateOptions

TOO_MUCH = 700.0  # nats: the exponential would be no number
RECALL_AT = (1, 5, 10)


class Board(Protocol):
    """The metrics of examples."""

    names: tuple[str, ...]
    quality: Doubles
    """(N,) how well each example was done: more is better."""
    is_right: bool
    """Quality is 1 for what is right, and less for what is not."""

    def scores(self, rows: Integers) -> list[float]:
        """A value for each name, of the examples with these numbers together."""


def make_board(
    examples: Sequence[Example], options: EvaluateOptions, labels: Sequence[str]
) -> Board:
    """The board of a task. labels: of a classification, in the order in which they are shown.

    Raises InputError where there is no example.
    """
    if not examples:
        raise InputError("no row could be evaluated")
    if options.task == "causal-lm":
        return Perplexities(examples)
    if options.task == "classification":
        return Classes(examples, labels)
    if options.task == "token-classification":
        return Tags(examples)
    if options.task == "question-answering":
        return Answers(examples, options.characters)
    if options.task == "translation":
        return Translated(examples, options.bleu_tokenize or "13a")
    return Retrieved(examples) if isinstance(examples[0].said, tuple) else Similar(examples)


class Classes:
    """Accuracy, macro F1 and, where the model told how sure it was, the calibration error."""

    is_right = True

    def __init__(self, examples: Sequence[Example], labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        at = {label: number for number, label in enumerate(labels)}
        self._gold = np.array([at[one.gold] for one in examples])
        self._said = np.array([at[one.said] for one in examples])
        self._right = (self._gold == self._said).astype(np.float64)
        self.quality = self._right
        sure = [one.confidence for one in examples if one.confidence is not None]
        # Probabilities alone can be calibrated; what a regression gives cannot.
        self._sure: Doubles | None = None
        if len(sure) == len(examples) and all(0 <= one <= 1.000001 for one in sure):
            self._sure = np.array(sure, dtype=np.float64)
            self._bins = calibration.calibration_bins(self._sure)
        told = self._sure is not None
        self.names: tuple[str, ...] = ("accuracy", "macro_f1") + ("calibration_error",) * told

    def confusion(self, rows: Integers) -> Integers:
        """(L, L), a row a gold label."""
        count = len(self.labels)
        cells = self._gold[rows] * count + self._said[rows]
        return np.bincount(cells, minlength=count * count).reshape(count, count)

    def scores(self, rows: Integers) -> list[float]:
        found = [float(self._right[rows].mean()), classification.macro_f1(self.confusion(rows))]
        if self._sure is not None:
            gaps = self._right[rows] - self._sure[rows]
            bins = np.bincount(self._bins[rows], weights=gaps, minlength=calibration.BINS)
            found.append(float(np.abs(bins).sum() / len(rows)))
        return found


class Answers:
    """Exact match and F1 in percent, as SQuAD's own evaluation tells them."""

    names: tuple[str, ...] = ("exact_match", "f1")
    is_right = True

    def __init__(self, examples: Sequence[Example], characters: bool) -> None:
        self._exact = np.array([squad.exact_match(one.said, one.gold) for one in examples])
        self._f1 = np.array(
            [squad.answer_f1(one.said, one.gold, characters=characters) for one in examples]
        )
        # Only an exact match is right: an F1 of 1 with other words, or in another order, is less.
        self.quality = np.where(self._exact == 1, 1.0, np.minimum(self._f1, 0.999))

    def scores(self, rows: Integers) -> list[float]:
        return [100 * float(self._exact[rows].mean()), 100 * float(self._f1[rows].mean())]


class Translated:
    """BLEU and chrF of the corpus, by sacrebleu; a row's quality is its own chrF."""

    names: tuple[str, ...] = ("bleu", "chrf")
    is_right = False

    def __init__(self, examples: Sequence[Example], tokenize: str) -> None:
        said, gold = [one.said for one in examples], [one.gold for one in examples]
        self._made = bleu.Translations(said, gold, tokenize)
        each = [self._made.chrf(np.array([at])) for at in range(len(examples))]
        self.quality = np.array(each) / 100

    @property
    def signatures(self) -> dict[str, str]:
        """How the scores were computed, as sacrebleu writes it down."""
        return self._made.signatures

    def scores(self, rows: Integers) -> list[float]:
        return list(self._made.scores(rows))


class Tags:
    """Precision, recall and F1 of whole entities, and the accuracy of single tags."""

    names: tuple[str, ...] = ("precision", "recall", "f1", "tag_accuracy")
    is_right = True

    def __init__(self, examples: Sequence[Example]) -> None:
        for one in examples:
            if len(one.gold) != len(one.said):
                raise InputError(
                    f"line {one.number}: {len(one.said)} tags were predicted for {len(one.gold)}"
                )
        pairs = [(one.gold, one.said) for one in examples]
        found = {entity[0] for pair in pairs for tags in pair for entity in entities.entities(tags)}
        self.labels = tuple(sorted(found))
        self._counts = np.array([entities.entity_counts(*pair, self.labels) for pair in pairs])
        same = [sum(a == b for a, b in zip(*pair, strict=True)) for pair in pairs]
        self._tags = np.array([(n, len(pair[0])) for n, pair in zip(same, pairs, strict=True)])
        shares = [classification.ratio(n, size) for n, size in self._tags.tolist()]
        self.quality = np.array(shares, dtype=np.float64)

    def classes(self, rows: Integers) -> list[classification.ClassScore]:
        """Each type of entity."""
        counts = self._counts[rows].sum(0)  # (K, 3)
        return [
            classification.ClassScore(
                label, *classification.precision_recall_f1(*counts[at]), int(counts[at, 2])
            )
            for at, label in enumerate(self.labels)
        ]

    def scores(self, rows: Integers) -> list[float]:
        found = classification.precision_recall_f1(*self._counts[rows].sum((0, 1)))
        return [*found, classification.ratio(*self._tags[rows].sum(0))]


class Similar:
    """How well similarities follow the scores that people gave."""

    names: tuple[str, ...] = ("spearman", "pearson")
    is_right = False

    def __init__(self, examples: Sequence[Example]) -> None:
        self._gold = np.array([one.gold for one in examples], dtype=np.float64)
        self._said = np.array([one.said for one in examples], dtype=np.float64)
        places = [np.argsort(np.argsort(one, kind="stable")) for one in (self._gold, self._said)]
        self.quality = 1 - np.abs(places[0] - places[1]) / max(1, len(examples) - 1)

    def scores(self, rows: Integers) -> list[float]:
        gold, said = self._gold[rows], self._said[rows]
        return [correlation.spearman(gold, said), correlation.pearson(gold, said)]


class Retrieved:
    """How near to the top the right texts come, over queries."""

    names: tuple[str, ...] = (*(f"recall@{k}" for k in RECALL_AT), "mrr")
    is_right = True

    def __init__(self, examples: Sequence[Example]) -> None:
        values = [
            [
                *(retrieval.recall_at(one.said, k) for k in RECALL_AT),
                retrieval.reciprocal_rank(one.said),
            ]
            for one in examples
        ]
        self._values = np.array(values)  # (N, 4)
        self.quality = self._values[:, -1]

    def scores(self, rows: Integers) -> list[float]:
        found: list[float] = self._values[rows].mean(0).tolist()
        return found


class Perplexities:
    """Perplexity by token, word and byte: e to the nats of all, by their number.

    Source: Jelinek et al. 1977; bits per byte: nats / ln 2 by bytes of UTF-8.
    """

    names: tuple[str, ...] = (
        "perplexity",
        "word_perplexity",
        "byte_perplexity",
        "bits_per_byte",
    )
    is_right = False

    def __init__(self, examples: Sequence[Example]) -> None:
        said: list[Surprisal] = [one.said for one in examples]
        self._sums = np.array([(one.nats, one.tokens, one.words, one.bytes) for one in said])
        self.quality = -self._sums[:, 0] / np.maximum(self._sums[:, 3], 1) / math.log(2)

    def scores(self, rows: Integers) -> list[float]:
        nats, tokens, words, size = self._sums[rows].sum(0).tolist()
        means = [nats / count if count else math.nan for count in (tokens, words, size)]
        return [*(math.exp(min(one, TOO_MUCH)) for one in means), means[2] / math.log(2)]


def labels_of(board: Any) -> tuple[str, ...]:
    """The labels that a board tells apart; none where it has none."""
    labels: tuple[str, ...] = getattr(board, "labels", ())
    return labels
