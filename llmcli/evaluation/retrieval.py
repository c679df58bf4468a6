"""Which texts lie nearest to queries, and how alike two texts are, by their vectors."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llmcli.evaluation.metrics import ranks_of

Vectors = NDArray[np.float32]


def normalized(vectors: Vectors) -> Vectors:
    """(N, D) of length 1 each, so that their products are cosines; a zero vector stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: Vectors = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return result


def cosines(one: Vectors, other: Vectors) -> list[float]:
    """The cosine of the angle between each of N vectors and its partner: (N, D) twice."""
    found: list[float] = (normalized(one) * normalized(other)).sum(1).astype(float).tolist()
    return found


def query_ranks(
    queries: Vectors, texts: Vectors, relevant: Sequence[Sequence[int]]
) -> list[tuple[int, ...]]:
    """For each of Q queries, the ranks of its relevant texts among all N, from 1.

    queries: (Q, D). texts: (N, D). relevant: which texts are right for each query.
    """
    all_texts = normalized(texts)
    return [
        tuple(ranks_of((all_texts @ query).astype(np.float64), mine))
        for query, mine in zip(normalized(queries), relevant, strict=True)
    ]
