"""An n-gram model with Kneser-Ney smoothing, through nltk: what a neural model is to beat."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from llmcli.arrays import Doubles
from llmcli.system.extras import load_extra

NAME = "the n-gram baseline"
FOLDS = 5
Sequences = Sequence[Sequence[int]]


class Ngrams:
    """Probabilities of tokens after the `order` - 1 before them, learnt from token sequences.

    Interpolated Kneser-Ney with one discount D = n1 / (n1 + 2 n2), n1 and n2 being how many of
    the longest n-grams came once and twice. The single tokens are smoothed, too, by an equal
    share for each of the `vocabulary` tokens, so that none is impossible.
    Sources: Kneser and Ney 1995; Chen and Goodman 1998, section 2.7; Ney et al. 1994 for D.
    """

    def __init__(self, sequences: Sequences, vocabulary: int, order: int = 3) -> None:
        """order: 2 or more. Raises InputError without nltk."""
        nltk = load_extra("nltk.lm", NAME)
        everygrams = load_extra("nltk.util", NAME).everygrams
        words = [[str(token) for token in one] for one in sequences]
        counter = nltk.NgramCounter(everygrams(one, max_len=order) for one in words)
        known = nltk.Vocabulary(token for one in words for token in one)
        model: Any = nltk.models.InterpolatedLanguageModel(
            _smoothing(),
            order,
            vocabulary=known,
            counter=counter,
            params={"order": order, "discount": _discount(counter, order), "size": vocabulary},
        )
        self._model, self.order = model, order

    def probability(self, token: int, before: Sequence[int]) -> float:
        """Of a token, given those before it."""
        context = [str(one) for one in before][-(self.order - 1) :]
        return float(self._model.score(str(token), context))

    def nats(self, tokens: Sequence[int]) -> Doubles:
        """Surprisal (N - 1,) of each token but the first, given those before it."""
        found = [
            self.probability(token, tokens[max(0, at - self.order + 1) : at])
            for at, token in enumerate(tokens)
            if at
        ]
        result: Doubles = -np.log(np.array(found, dtype=np.float64))
        return result


def _discount(counter: Any, order: int) -> float:
    counts = Counter(
        count for words in counter[order].values() for count in words.values() if count <= 2
    )
    return counts[1] / (counts[1] + 2 * counts[2]) if counts[1] else 0.5


def _smoothing() -> Any:
    """nltk's Kneser-Ney, which would go through all n-grams for each continuation count."""
    kneser_ney: Any = load_extra("nltk.lm.smoothing", NAME).KneserNey

    class Indexed(kneser_ney):  # type: ignore[misc]  # nltk has no types
        def __init__(self, vocabulary: Any, counter: Any, *, size: int, **settings: Any) -> None:
            super().__init__(vocabulary, counter, **settings)
            self._size = size
            self._index: list[dict[tuple[str, ...], Counter[str]]] = []
            for length in range(2, settings["order"] + 1):
                ends: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
                for before, words in counter[length].items():
                    ends[before[1:]].update(list(words))  # each kind of n-gram counts once
                self._index.append(ends)
            self._totals = [
                {context: sum(words.values()) for context, words in ends.items()}
                for ends in self._index
            ]

        def _continuation_counts(self, word: str, context: tuple[str, ...] = ()) -> tuple[int, int]:
            ends = self._index[len(context)].get(context, Counter())
            return ends[word], self._totals[len(context)].get(context, 0)

        def alpha_gamma(self, word: str, context: tuple[str, ...]) -> tuple[float, float]:
            is_longest = len(context) + 1 == self._order
            if not is_longest and not self._totals[len(context)].get(context):
                return 0.0, 1.0  # it stood at the beginning alone, after nothing
            alpha, gamma = super().alpha_gamma(word, context)
            if not is_longest:  # as many kinds of words follow it, once something is before it
                followers = len(self._index[len(context)][context])
                gamma = self.discount * followers / self._totals[len(context)][context]
            return float(alpha), float(gamma)

        def unigram_score(self, word: str) -> float:
            count, total = self._continuation_counts(word)
            if not total:
                return 1 / self._size
            kinds = len(self._index[0][()])
            rest: float = self.discount * kinds / total
            share: float = max(count - self.discount, 0.0) / total
            return share + rest / self._size

    return Indexed


def cross_fitted(sequences: Sequences, vocabulary: int, order: int = 3) -> list[Doubles]:
    """The surprisal of each sequence under n-grams of the others; each fold is a fifth of them.

    A single long sequence is cut into five, each scored by n-grams of the other four.
    """
    if len(sequences) == 1:
        (whole,) = sequences
        ends = [len(whole) * fold // FOLDS for fold in range(FOLDS + 1)]
        # Each part but the first begins with the token before it, which is not scored again.
        parts = [whole[max(0, start - 1) : end] for start, end in zip(ends, ends[1:], strict=False)]
        return [np.concatenate(cross_fitted(parts, vocabulary, order))]
    found: dict[int, Doubles] = {}
    for fold in range(FOLDS):
        mine = range(fold, len(sequences), FOLDS)
        if mine:
            others = [one for at, one in enumerate(sequences) if at % FOLDS != fold]
            model = Ngrams(others, vocabulary, order)
            found |= {at: model.nats(sequences[at]) for at in mine}
    return [found[at] for at in range(len(sequences))]
