"""Retrieval: the ranks of relevant texts among all texts, recall at k and reciprocal rank."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmcli.arrays import Doubles
from llmcli.evaluation.metrics.classification import ratio

Vectors = NDArray[np.float32]


def normalized(vectors: Vectors) -> Vectors:
    """Vectors (N, D) scaled to length 1, so that dot products are cosines; zero vectors stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: Vectors = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return result


def cosines(first: Vectors, second: Vectors) -> list[float]:
    """The cosine similarity of each of N vectors (N, D) with its partner in `second` (N, D)."""
    products: list[float] = (normalized(first) * normalized(second)).sum(1).astype(float).tolist()
    return products


def query_ranks(
    queries: Vectors, texts: Vectors, relevant: Sequence[Sequence[int]]
) -> list[tuple[int, ...]]:
    """For each query, the ranks of its relevant texts among all texts by cosine, from 1.

    queries: (Q, D). texts: (N, D). relevant: the numbers of the relevant texts of each query.
    """
    unit_texts = normalized(texts)
    return [
        tuple(ranks_of((unit_texts @ query).astype(np.float64), texts_of_query))
        for query, texts_of_query in zip(normalized(queries), relevant, strict=True)
    ]


def ranks_of(similarities: Doubles, relevant: Sequence[int]) -> list[int]:
    """The ranks, from 1, of the relevant ones of N texts, by similarity (N,) to the query.

    Of equally similar texts, the relevant ones come last: a constant similarity earns nothing.

    >>> ranks_of(np.array([0.1, 0.9, 0.5, 0.5]), [0, 2])
    [3, 4]
    """
    is_other = np.ones(len(similarities), dtype=bool)
    is_other[list(relevant)] = False
    others = similarities[is_other]
    descending = sorted(similarities[~is_other].tolist(), reverse=True)
    return [
        place + int((others >= similarity).sum()) for place, similarity in enumerate(descending, 1)
    ]


def recall_at(ranks: Sequence[int], k: int) -> float:
    """The fraction of a query's relevant texts that are among the first k.

    >>> recall_at([1, 7], 5)
    0.5
    """
    return ratio(sum(rank <= k for rank in ranks), len(ranks))


def reciprocal_rank(ranks: Sequence[int]) -> float:
    """1 / the rank of the first relevant text; its mean over queries is the MRR."""
    return 1 / min(ranks) if ranks else 0.0
