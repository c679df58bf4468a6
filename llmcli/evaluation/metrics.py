"""How good predictions are: pure functions of what was expected and what was said.

Needs neither torch nor a model. Text metrics go through sacrebleu.
"""

import math
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.arrays import Doubles, Integers
from llmcli.system.extras import load_extra

BINS = 15  # of the calibration error, as in Guo et al. 2017


# Classes


def accuracy(gold: Sequence[Any], predicted: Sequence[Any]) -> float:
    """The fraction of predictions that are right.

    >>> accuracy(["a", "b", "b", "a"], ["a", "b", "a", "a"])
    0.75
    """
    same = sum(one == other for one, other in zip(gold, predicted, strict=True))
    return ratio(same, len(gold))


def confusion_matrix(
    gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]
) -> Integers:
    """How often each label was taken for each: (L, L), a row a gold label.

    >>> confusion_matrix(["a", "a", "b"], ["a", "b", "b"], ["a", "b"]).tolist()
    [[1, 1], [0, 1]]
    """
    at = {label: number for number, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for one, other in zip(gold, predicted, strict=True):
        matrix[at[one], at[other]] += 1
    return matrix


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How well one class is found."""

    label: str
    precision: float
    """Of those said to be of the class, how many are."""
    recall: float
    """Of those that are, how many were said to be."""
    f1: float
    support: int
    """How many are of the class."""


def class_scores(matrix: Integers, labels: Sequence[str]) -> list[ClassScore]:
    """Precision, recall and F1 of each class, from a confusion matrix (L, L).

    What would be 0 / 0 is 0, as in scikit-learn.
    """
    right, gold, said = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    return [
        ClassScore(label, *precision_recall_f1(right[at], said[at], gold[at]), int(gold[at]))
        for at, label in enumerate(labels)
    ]


def precision_recall_f1(right: float, said: float, gold: float) -> tuple[float, float, float]:
    """From counts of what was found, what was said and what was there.

    >>> precision_recall_f1(2, 4, 5)
    (0.5, 0.4, 0.4444444444444444)
    """
    return ratio(right, said), ratio(right, gold), ratio(2 * right, said + gold)


def macro_f1(matrix: Integers) -> float:
    """The mean of the F1 of all classes that were there or were said."""
    both = matrix.sum(0) + matrix.sum(1)  # (L,)
    there = both > 0
    return float(np.mean(2 * np.diag(matrix)[there] / both[there])) if there.any() else 0.0


def ratio(part: float, whole: float) -> float:
    """One number by another; 0 where there is nothing."""
    return float(part / whole) if whole else 0.0


def calibration_bins(confidence: Doubles) -> Integers:
    """Which of BINS equal intervals (low, high] each probability lies in, from 0.

    >>> calibration_bins(np.array([0.0, 0.5, 0.99, 1.0])).tolist()
    [0, 7, 14, 14]
    """
    bins: Integers = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    return bins


def calibration_error(confidence: Sequence[float], correct: Sequence[bool]) -> float:
    """Expected calibration error: how far confidence is from accuracy, weighted by rows.

    The mean over BINS equal intervals of |accuracy - mean confidence|.
    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3.
    """
    sure, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if not len(sure):
        return 0.0
    gaps = np.bincount(calibration_bins(sure), weights=right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure))


# Answers

ARTICLE = re.compile(r"\b(?:a|an|the)\b")
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """What two answers are compared by: no case, no ASCII punctuation, no articles, single spaces.

    >>> normalize_answer("The  cat's a Cat!")
    'cats cat'

    Source: the evaluation of Rajpurkar et al. 2016, "SQuAD".
    """
    return " ".join(ARTICLE.sub(" ", text.lower().translate(NO_PUNCTUATION)).split())


def exact_match(predicted: str, gold: Sequence[str]) -> float:
    """1 if the answer is one of the right ones, once normalized; else 0.

    No right answer stands for: the text does not say. Then an empty answer is right (SQuAD 2).
    """
    said = normalize_answer(predicted)
    return float(any(said == normalize_answer(one) for one in _right(gold)))


def answer_f1(predicted: str, gold: Sequence[str], *, characters: bool = False) -> float:
    """The F1 of the words that an answer shares with a right one; the best of all right ones.

    characters: of the characters, for languages without spaces between words.

    >>> round(answer_f1("Jane Austen wrote it", ["Jane Austen"]), 4)
    0.6667
    >>> round(answer_f1("看电影", ["去看电影"], characters=True), 4)
    0.8571
    """
    said = _parts(predicted, characters)
    return max(_shared_f1(said, _parts(one, characters)) for one in _right(gold))


def _parts(answer: str, characters: bool) -> list[str]:
    words = normalize_answer(answer).split()
    return list("".join(words)) if characters else words


def _right(gold: Sequence[str]) -> list[str]:
    return [one for one in gold if normalize_answer(one)] or [""]


def _shared_f1(said: list[str], gold: list[str]) -> float:
    if not said or not gold:
        return float(said == gold)
    shared = sum((Counter(said) & Counter(gold)).values())
    return precision_recall_f1(shared, len(said), len(gold))[2]


# Translations


class Translations:
    """Translations beside their references, scored by BLEU and chrF over any of the rows.

    Source: sacrebleu (Post 2018); BLEU: Papineni et al. 2002; chrF: Popovic 2015.
    """

    def __init__(
        self, translations: Sequence[str], references: Sequence[Sequence[str]], tokenize: str
    ) -> None:
        """references: one or more for each. tokenize: how sacrebleu finds words: 13a, zh, char."""
        sacrebleu = load_extra("sacrebleu.metrics", "scoring translations")
        most = max(map(len, references), default=1)
        streams: Any = [  # sacrebleu's own way round
            [own[at] if at < len(own) else None for own in references] for at in range(most)
        ]
        self._bleu, self._chrf = sacrebleu.BLEU(tokenize=tokenize), sacrebleu.CHRF()
        # What sacrebleu itself adds up over a corpus: tests hold that the sums are its scores.
        self._stats = [
            np.array(metric._extract_corpus_statistics(list(translations), streams))
            for metric in (self._bleu, self._chrf)
        ]

    def scores(self, rows: Integers) -> tuple[float, float]:
        """BLEU and chrF, from 0 to 100, of some of the rows together."""
        bleu = self._stats[0][rows].sum(0).tolist()
        return float(self._bleu._compute_score_from_stats(bleu).score), self.chrf(rows)

    def chrf(self, rows: Integers) -> float:
        """chrF alone: it can be told of a single row, too."""
        stats = self._stats[1][rows].sum(0).tolist()
        return float(self._chrf._compute_score_from_stats(stats).score)

    @property
    def signatures(self) -> dict[str, str]:
        """How the scores were computed, as sacrebleu writes it down."""
        return {
            "bleu": str(self._bleu.get_signature()),
            "chrf": str(self._chrf.get_signature()),
        }


def bleu_and_chrf(
    translations: Sequence[str], references: Sequence[str], tokenize: str = "13a"
) -> tuple[float, float]:
    """BLEU and chrF of translations with a reference each, from 0 to 100."""
    made = Translations(translations, [[one] for one in references], tokenize)
    return made.scores(np.arange(len(translations)))


# Entities


def entities(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """The entities of BIO tags: type, first token and the token after the last.

    An I- without an entity of its type before it begins one, as conlleval and seqeval read it.

    >>> sorted(entities(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"]))
    [('LOC', 3, 4), ('LOC', 4, 5), ('PER', 0, 2)]

    Source: Tjong Kim Sang and De Meulder 2003, "CoNLL-2003 shared task".
    """
    found = set()
    kind, start = "", 0
    for at, tag in enumerate([*tags, "O"]):
        prefix, _, this = tag.partition("-")
        goes_on = prefix == "I" and this == kind
        if kind and not goes_on:
            found.add((kind, start, at))
            kind = ""
        if prefix in ("B", "I") and not kind:
            kind, start = this, at
    return found


def entity_counts(gold: Sequence[str], predicted: Sequence[str], kinds: Sequence[str]) -> Integers:
    """How many entities of each kind were found, said and there: (K, 3), of one sentence."""
    there, said = entities(gold), entities(predicted)
    counts = [
        [sum(one[0] == kind for one in group) for group in (there & said, said, there)]
        for kind in kinds
    ]
    return np.array(counts, dtype=np.int64).reshape(len(kinds), 3)


def entity_scores(
    gold: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]
) -> tuple[tuple[float, float, float], list[ClassScore]]:
    """Precision, recall and F1 of whole entities in sentences: of all together, and of each kind.

    An entity is found if its type and both of its ends are right.
    """
    pairs = list(zip(gold, predicted, strict=True))
    kinds = sorted({one[0] for pair in pairs for tags in pair for one in entities(tags)})
    counts = sum(
        (entity_counts(*pair, kinds) for pair in pairs), np.zeros((len(kinds), 3), np.int64)
    )
    each = [
        ClassScore(kind, *precision_recall_f1(*counts[at]), int(counts[at, 2]))
        for at, kind in enumerate(kinds)
    ]
    return precision_recall_f1(*counts.sum(0)), each


# Vectors


def ranks_of(similarities: Doubles, relevant: Sequence[int]) -> list[int]:
    """The ranks of the relevant ones of N documents, from 1, the best first.

    similarities: (N,). Among equals, the relevant ones come last: luck does not count.

    >>> ranks_of(np.array([0.1, 0.9, 0.5, 0.5]), [0, 2])
    [3, 4]
    """
    is_other = np.ones(len(similarities), dtype=bool)
    is_other[list(relevant)] = False
    others = similarities[is_other]
    mine = sorted(similarities[~is_other].tolist(), reverse=True)
    return [place + int((others >= one).sum()) for place, one in enumerate(mine, 1)]


def recall_at(ranks: Sequence[int], k: int) -> float:
    """Of the relevant documents of one query, the fraction among the first k.

    >>> recall_at([1, 7], 5)
    0.5
    """
    return ratio(sum(rank <= k for rank in ranks), len(ranks))


def reciprocal_rank(ranks: Sequence[int]) -> float:
    """1 over the rank of the first relevant document; its mean over queries is the MRR."""
    return 1 / min(ranks) if ranks else 0.0


def pearson(one: Sequence[float] | Doubles, other: Sequence[float] | Doubles) -> float:
    """Linear correlation, from -1 to 1; NaN where one of the two does not vary."""
    x, y = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if len(x) < 2:
        return math.nan
    x, y = x - x.mean(), y - y.mean()
    size = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / size if size else math.nan


def spearman(one: Sequence[float] | Doubles, other: Sequence[float] | Doubles) -> float:
    """Correlation of the ranks; equal values share their mean rank.

    >>> round(spearman([1, 2, 3, 4], [1, 2, 4, 3]), 4)
    0.8
    """
    return pearson(_mean_ranks(one), _mean_ranks(other))


def _mean_ranks(values: Sequence[float] | Doubles) -> Doubles:
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    ranks: Doubles = ((2 * ends - counts + 1) / 2)[place]
    return ranks


# How sure all this is


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a value lies that was measured on a sample."""

    low: float
    high: float


def bootstrap(
    statistic: Callable[[Integers], Sequence[float]],
    rows: int,
    *,
    times: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> list[Interval]:
    """An interval for each of some statistics, were other rows of the same kind drawn.

    statistic: values of the rows with these numbers, which may be named more than once. They are
    drawn with replacement, `rows` of them, `times` times; the interval holds the middle `level`
    of what comes out. Values that are NaN are left out.
    Source: Efron 1979, the percentile method.
    """
    draw = np.random.default_rng(seed)
    drawn = [statistic(draw.integers(0, rows, rows)) for _ in range(times)]
    values = np.array(drawn, dtype=np.float64)  # (times, statistics)
    ends = [(1 - level) / 2, (1 + level) / 2]
    found = []
    for column in values.T:
        known = column[~np.isnan(column)]
        low, high = np.quantile(known, ends) if len(known) else (math.nan, math.nan)
        found.append(Interval(float(low), float(high)))
    return found


def mcnemar(only_first: int, only_second: int) -> float:
    """The probability of a difference at least so large if both were equally often right.

    only_first, only_second: rows that only one of the two has right. Exact and two-sided: twice
    the tail of a fair coin. Source: McNemar 1947.

    >>> mcnemar(1, 5)
    0.21875
    """
    n, k = only_first + only_second, min(only_first, only_second)
    if n == 0:
        return 1.0
    if n <= 1000:
        return min(1.0, float(2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n))
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k + 1)]
    return min(1.0, 2 * math.fsum(math.exp(one - n * math.log(2)) for one in logs))
