"""Passages of documents, and those that have the words of a question: BM25."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from llmcli.arrays import Floats, Integers, top
from llmcli.inference.sentences import sentence_ends

SIZE = 1000
"""Characters of a passage at most, but for a longer sentence."""
K1, B = 1.2, 0.75
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|\w+")
"""A stretch of Chinese, Japanese or Korean, which has no spaces, or a word."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document that is read by itself."""

    source: str
    """The file, or the row of a file."""
    text: str
    start: int
    """Where it begins in the document, in characters."""


def passages_of(document: str, source: str, size: int = SIZE) -> Iterator[Passage]:
    """Cut a document into passages of whole sentences; a blank line ends a passage, too.

    >>> [passage.text for passage in passages_of("It is. So?\\n\\nNo.", "a.txt")]
    ['It is. So?', 'No.']
    """
    start = 0
    for paragraph in re.split(r"(\n[ \t]*\n\s*)", document):
        yield from _packed(paragraph, source, start, size)
        start += len(paragraph)


def _packed(paragraph: str, source: str, offset: int, size: int) -> Iterator[Passage]:
    """Passages of a paragraph that begins at `offset`, each with as many sentences as fit."""
    begin = last = 0
    ends = (
        [*sentence_ends(paragraph), len(paragraph)] if len(paragraph) > size else [len(paragraph)]
    )
    for end in ends:
        if end - begin > size and last > begin:
            yield from _trimmed(paragraph[begin:last], source, offset + begin)
            begin = last
        last = end
    yield from _trimmed(paragraph[begin:last], source, offset + begin)


def _trimmed(text: str, source: str, start: int) -> Iterator[Passage]:
    if text.strip():
        yield Passage(source, text.strip(), start + len(text) - len(text.lstrip()))


class Bm25:
    """Scores passages by the words of a query.

    Source: Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond",
    with the idf of Lucene, which is never negative.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._size = len(texts)
        counts = [Counter(words_of(text)) for text in texts]
        lengths = np.array([sum(count.values()) for count in counts], np.float32)  # (N,)
        mean = float(lengths.mean()) if len(texts) else 0.0
        self._norm = K1 * (1 - B + B * lengths / max(mean, 1e-9))  # (N,)
        places: dict[str, list[int]] = {}
        times: dict[str, list[int]] = {}
        for at, count in enumerate(counts):
            for word, number in count.items():
                places.setdefault(word, []).append(at)
                times.setdefault(word, []).append(number)
        self._places: dict[str, Integers] = {word: np.array(at) for word, at in places.items()}
        self._times: dict[str, Floats] = {
            word: np.array(numbers, np.float32) for word, numbers in times.items()
        }

    def scores(self, query: str) -> Floats:
        """The score (N,) of each passage; 0 for one without a word of the query."""
        scores = np.zeros(self._size, np.float32)
        for word in dict.fromkeys(words_of(query)):
            at = self._places.get(word)
            if at is not None:
                idf = math.log(1 + (self._size - len(at) + 0.5) / (len(at) + 0.5))
                times = self._times[word]
                scores[at] += idf * times * (K1 + 1) / (times + self._norm[at])
        return scores

    def best(self, query: str, count: int) -> list[int]:
        """The passages with the highest scores, the best first; none without a common word."""
        scores = self.scores(query)
        return [at for at in top(scores, count).tolist() if scores[at] > 0]


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; of scripts without spaces, each two characters.

    >>> words_of("The Tower, 看电影")
    ['the', 'tower', '看电', '电影']
    """
    words: list[str] = []
    for match in WORD.finditer(text.lower()):
        word = match[0]
        if word[0] < "\u3040" or len(word) == 1:
            words.append(word)
        else:
            words += [word[at : at + 2] for at in range(len(word) - 1)]
    return words
