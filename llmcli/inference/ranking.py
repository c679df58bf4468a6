"""Texts ranked by the similarity of their vectors to those of queries."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from llmcli.arrays import Floats, top
from llmcli.data.results import Result
from llmcli.data.rows import Row
from llmcli.inference.similarity import comparable, similarities
from llmcli.spec import Overflow
from llmcli.spec.tasks import Similarity


@dataclass(frozen=True, slots=True)
class Ranked(Result):
    """One text with its similarity to the query."""

    query: str
    """The query, as it was given."""
    rank: int
    """From 1, the most similar one."""
    similarity: float
    """The cosine of the angle between the vectors, from -1 to 1; or the measure that the checkpoint
    names: their dot product, or their Euclidean or Manhattan distance, negative."""
    text: str | None
    """The text that was compared; None where a file of vectors has no texts."""
    overflow: Overflow | None
    """How a text that was too long was handled; None if it was not."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may be among the most similar ones."""

    row: Row
    text: str | None
    overflow: Overflow | None = None
    unknown: float | None = None


class Ranking:
    """Keeps the texts that are most similar to each of some queries, as their vectors come."""

    def __init__(self, queries: Sequence[str], vectors: Floats, count: int, measure: Similarity):
        """vectors: (Q, D), those of the queries. count: how many texts to keep for each."""
        self._queries, self._count, self._measure = queries, count, measure
        self._vectors = comparable(vectors, measure)  # (Q, D)
        self._best: list[list[tuple[float, int, Candidate]]] = [[] for _ in queries]
        self._seen = 0

    def add(self, vectors: Floats, candidate: Callable[[int], Candidate]) -> None:
        """Add texts with the vectors (N, D). candidate: gives one by its place among them."""
        vectors = comparable(vectors, self._measure)
        for query, best in zip(self._vectors, self._best, strict=True):
            scores = similarities(vectors, query, self._measure)  # (N,)
            for at in top(scores, self._count).tolist():
                score, order = float(scores[at]), -(self._seen + at)  # of equals, the first stays
                if len(best) < self._count:
                    heapq.heappush(best, (score, order, candidate(at)))
                elif (score, order) > best[0][:2]:
                    heapq.heapreplace(best, (score, order, candidate(at)))
        self._seen += len(vectors)

    def results(self) -> Iterator[Ranked]:
        """The texts for each query in turn, the most similar ones first."""
        for query, best in zip(self._queries, self._best, strict=True):
            ordered = sorted(best, key=lambda entry: entry[:2], reverse=True)
            for rank, (similarity, _, found) in enumerate(ordered, 1):
                yield Ranked(
                    found.row,
                    query,
                    rank,
                    similarity,
                    found.text,
                    found.overflow,
                    unknown=found.unknown,
                )
