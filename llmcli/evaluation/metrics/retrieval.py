"""Retrieval: the ranks of relevant texts among all texts, recall at k and reciprocal rank."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmcli.arrays import Doubles
from llmcli.evaluation.metrics.classification import ratio
from llmcli.inference.similarity import comparable, similarities
from llmcli.spec.tasks import Similarity

Vectors = NDArray[np.float32]


def query_ranks(
    queries: Vectors,
    texts: Vectors,
    relevant: Sequence[Sequence[int]],
    measure: Similarity = "cosine",
) -> list[tuple[int, ...]]:
    """For each query, the ranks of its relevant texts among all texts by similarity, from 1.

    queries: (Q, D). texts: (N, D). relevant: the numbers of the relevant texts of each query.
    """
    texts = comparable(texts, measure)
    return [
        tuple(ranks_of(similarities(texts, query, measure).astype(np.float64), texts_of_query))
        for query, texts_of_query in zip(comparable(queries, measure), relevant, strict=True)
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
