"""N-gram models with Kneser-Ney smoothing, by nltk: a baseline for the perplexity of a model."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from llmcli.arrays import Doubles
from llmcli.system.extras import load_extra

NAME = "the n-gram baseline"
FOLDS = 5
Sequences = Sequence[Sequence[int]]
Context = tuple[str, ...]


class Ngrams:
    """Probabilities of tokens given the `order` - 1 tokens before them, from token sequences.

    Interpolated Kneser-Ney with one discount D = n1 / (n1 + 2 n2), where n1 and n2 are how many of
    the longest n-grams occur once and twice. The unigrams are smoothed too, by an equal share for
    each of the `vocabulary` tokens, so that no token has probability 0.
    Sources: Kneser and Ney 1995; Chen and Goodman 1998, section 2.7; Ney et al. 1994 for D.
    """

    def __init__(self, sequences: Sequences, vocabulary: int, order: int = 3) -> None:
        """order: 2 or more. Raises InputError where nltk is not installed."""
        nltk = load_extra("nltk.lm", NAME)
        everygrams = load_extra("nltk.util", NAME).everygrams
        words = [[str(token) for token in sequence] for sequence in sequences]
        counter = nltk.NgramCounter(everygrams(tokens, max_len=order) for tokens in words)
        known = nltk.Vocabulary(token for tokens in words for token in tokens)
        self._model: Any = nltk.models.InterpolatedLanguageModel(
            _indexed_kneser_ney(),
            order,
            vocabulary=known,
            counter=counter,
            params={"order": order, "discount": _discount(counter, order), "size": vocabulary},
        )
        self.order = order

    def probability(self, token: int, before: Sequence[int]) -> float:
        """The probability of a token, given those before it."""
        context = [str(other) for other in before][-(self.order - 1) :]
        return float(self._model.score(str(token), context))

    def nats(self, tokens: Sequence[int]) -> Doubles:
        """Surprisal (N - 1,) of each token but the first, given those before it."""
        probabilities = [
            self.probability(token, tokens[max(0, at - self.order + 1) : at])
            for at, token in enumerate(tokens)
            if at
        ]
        result: Doubles = -np.log(np.array(probabilities, dtype=np.float64))
        return result


def _discount(counter: Any, order: int) -> float:
    counts = Counter(
        count for words in counter[order].values() for count in words.values() if count <= 2
    )
    return counts[1] / (counts[1] + 2 * counts[2]) if counts[1] else 0.5


class Continuations:
    """The continuation counts of Kneser-Ney: how many different words a shorter n-gram follows."""

    def __init__(self, counter: Any, order: int) -> None:
        """counter: nltk's NgramCounter."""
        self._counts = [_continuations(counter[length]) for length in range(2, order + 1)]
        self._totals = [
            {context: sum(words.values()) for context, words in counts.items()}
            for counts in self._counts
        ]

    def total(self, context: Context) -> int:
        """The sum of the counts of all words after a context."""
        return self._totals[len(context)].get(context, 0)

    def count(self, word: str, context: Context) -> int:
        """The count of a word after a context."""
        return self._counts[len(context)].get(context, Counter())[word]

    def followers(self, context: Context) -> int:
        """How many different words come after a context, wherever something comes before it."""
        return len(self._counts[len(context)].get(context, ()))


def _continuations(ngrams: Any) -> dict[Context, Counter[str]]:
    """For each context without its first word, the words after it, once for each first word."""
    counts: dict[Context, Counter[str]] = defaultdict(Counter)
    for context, words in ngrams.items():
        counts[context[1:]].update(list(words))
    return dict(counts)


def _indexed_kneser_ney() -> Any:
    """nltk's Kneser-Ney, which on its own would search all n-grams for each continuation count."""
    kneser_ney: Any = load_extra("nltk.lm.smoothing", NAME).KneserNey

    class IndexedKneserNey(kneser_ney):  # type: ignore[misc]  # nltk has no types
        """Also fixes two things: contexts at the beginning of a text, and unseen unigrams."""

        def __init__(self, vocabulary: Any, counter: Any, *, size: int, **settings: Any) -> None:
            super().__init__(vocabulary, counter, **settings)
            self._size = size
            self._index = Continuations(counter, settings["order"])

        def _continuation_counts(self, word: str, context: Context = ()) -> tuple[int, int]:
            return self._index.count(word, context), self._index.total(context)

        def alpha_gamma(self, word: str, context: Context) -> tuple[float, float]:
            is_longest = len(context) + 1 == self._order
            if not is_longest and not self._index.total(context):
                return 0.0, 1.0  # the context came only at the beginning of a text
            alpha, gamma = super().alpha_gamma(word, context)
            if not is_longest:  # nltk counts the followers of the context at the beginning, too
                gamma = self.discount * self._index.followers(context) / self._index.total(context)
            return float(alpha), float(gamma)

        def unigram_score(self, word: str) -> float:
            count, total = self._continuation_counts(word)
            if not total:
                return 1 / self._size
            share: float = max(count - self.discount, 0.0) / total
            rest: float = self.discount * self._index.followers(()) / total
            return share + rest / self._size

    return IndexedKneserNey


def ngram_nats(
    sequences: Sequences, vocabulary: int, order: int, training: Sequences | None
) -> list[Doubles]:
    """The surprisal of each sequence's tokens but the first, under n-grams.

    training: the sequences that the n-grams are trained on; None: `sequences`, cross-fitted.
    """
    if training is None:
        return cross_fitted(sequences, vocabulary, order)
    model = Ngrams(training, vocabulary, order)
    return [model.nats(sequence) for sequence in sequences]


def cross_fitted(sequences: Sequences, vocabulary: int, order: int = 3) -> list[Doubles]:
    """The surprisal of each fifth of the sequences, under n-grams of the other four fifths.

    A single long sequence is cut into five.
    """
    if len(sequences) == 1:
        (whole,) = sequences
        ends = [len(whole) * fold // FOLDS for fold in range(FOLDS + 1)]
        # Each part but the first begins with the token before it, which is not scored again.
        parts = [whole[max(0, start - 1) : end] for start, end in zip(ends, ends[1:], strict=False)]
        return [np.concatenate(cross_fitted(parts, vocabulary, order))]
    nats: dict[int, Doubles] = {}
    for fold in range(FOLDS):
        own = range(fold, len(sequences), FOLDS)
        if own:
            others = [tokens for at, tokens in enumerate(sequences) if at % FOLDS != fold]
            model = Ngrams(others, vocabulary, order)
            nats |= {at: model.nats(sequences[at]) for at in own}
    return [nats[at] for at in range(len(sequences))]
