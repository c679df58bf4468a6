"""How similar vectors are, by the measure that their checkpoint names."""

import numpy as np

from llmcli.arrays import Floats, require_finite
from llmcli.errors import ModelUnsuitable
from llmcli.spec.tasks import Similarity

NAMES: dict[str, Similarity] = {
    "cosine": "cosine",
    "cos_sim": "cosine",
    "dot": "dot",
    "dot_product": "dot",
    "dot_score": "dot",
    "euclidean": "euclidean",
    "manhattan": "manhattan",
}
"""The names that checkpoints give the measures."""


def similarity_named(name: str | None) -> Similarity:
    """The measure of a checkpoint that names it so; cosine if it names none.

    Raises ModelUnsuitable for an unknown one.
    """
    if name is None:
        return "cosine"
    if name not in NAMES:
        raise ModelUnsuitable(f"the model compares vectors by {name!r}, which is unknown here")
    return NAMES[name]


def comparable(vectors: Floats, measure: Similarity) -> Floats:
    """Vectors (..., D) as `similarities` takes them: for cosines scaled to length 1."""
    return unit_length(vectors) if measure == "cosine" else vectors


def unit_length(vectors: Floats) -> Floats:
    """Vectors (..., D) scaled to length 1; a zero vector stays.

    Raises ModelUnsuitable for vectors that are too long to be measured in float32.
    """
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    require_finite(lengths)
    scaled: Floats = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


def similarities(vectors: Floats, others: Floats, measure: Similarity) -> Floats:
    """The similarity (N,) of vectors (N, D) with one vector (D,), or with N of them (N, D).

    Both as `comparable` gives them. Greater is more similar: distances are negative.
    Source: sentence-transformers, util/similarity.py.
    """
    result: Floats
    if measure == "euclidean":
        result = -np.sqrt(((vectors - others) ** 2).sum(-1))
    elif measure == "manhattan":
        result = -np.abs(vectors - others).sum(-1)
    elif others.ndim == 1:
        result = vectors @ others
    else:
        result = (vectors * others).sum(-1)
    return result
