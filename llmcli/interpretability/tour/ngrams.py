"""An n-gram model of the stories that come with the tour, by the tokens of any model.

Interpolated Kneser-Ney of order 3, as `evaluation/ngrams.py` has it, but counted here without a
further library, and with the counts at hand.
"""

import gzip
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

STORIES = Path(__file__).with_name("stories.txt.gz")
ORDER = 3

Table = dict[tuple[int, ...], Counter[int]]
"""For each context, how often each token follows it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The probability of a token under n-grams, and the counts that it is made of."""

    probability: float
    together: int
    """How often the token follows the two before it."""
    context: int
    """How often anything follows these two."""


@lru_cache(maxsize=1)
def read_stories() -> tuple[str, ...]:
    """The stories that `recipes/learn_stories.py` has written, without the file's header."""
    with gzip.open(STORIES, "rt", encoding="utf-8") as file:
        return tuple(line.rstrip("\n") for line in file if not line.startswith("#"))


class Trigrams:
    """Probabilities of tokens given the two before them.

    The discount is D = n1 / (n1 + 2 n2), where n1 and n2 are how many trigrams occur once and
    twice. Shorter n-grams count how many different tokens they follow; unigrams get an equal share
    of the rest for each of the `vocabulary` tokens, so that no token has probability 0.
    Sources: Kneser and Ney 1995; Chen and Goodman 1998, section 2.7; Ney et al. 1994 for D.
    """

    def __init__(self, sequences: Sequence[Sequence[int]], vocabulary: int) -> None:
        """sequences: the token ids of each text."""
        self._vocabulary = vocabulary
        pairs: Table = defaultdict(Counter)
        triples: Table = defaultdict(Counter)
        for ids in sequences:
            for first, second in zip(ids, ids[1:], strict=False):
                pairs[first,][second] += 1
            for first, second, third in zip(ids, ids[1:], ids[2:], strict=False):
                triples[first, second][third] += 1
        self._tables = [_continuations(pairs), _continuations(triples), dict(triples)]
        times = Counter(count for words in triples.values() for count in words.values())
        self._discount = times[1] / (times[1] + 2 * times[2]) if times[1] else 0.5

    def estimate(self, token: int, before: Sequence[int]) -> Estimate:
        """The probability of a token after others, of which the last two count."""
        context = tuple(before[-(ORDER - 1) :])
        probability = 1 / self._vocabulary
        for length in range(len(context) + 1):
            followers = self._tables[length].get(context[len(context) - length :])
            if followers is not None:
                probability = self._interpolated(followers, token, probability)
        seen = self._tables[-1].get(context, Counter())
        return Estimate(probability, seen[token], seen.total())

    def _interpolated(self, followers: "Counter[int]", token: int, shorter: float) -> float:
        """The share of a token after a context, and its part of what the discount leaves."""
        total = followers.total()
        share = max(followers[token] - self._discount, 0.0) / total
        return share + self._discount * len(followers) / total * shorter


def _continuations(ngrams: Table) -> Table:
    """For each context without its first token, the tokens after it, once for each first one."""
    counts: Table = defaultdict(Counter)
    for context, followers in ngrams.items():
        counts[context[1:]].update(list(followers))
    return dict(counts)
