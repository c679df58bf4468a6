"""The vectors of tokens and positions, from which everything else is computed."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from llmcli.interpretability.checks import SelfCheck, largest_difference
from llmcli.interpretability.neighbours import (
    Floats,
    Neighbours,
    nearest,
    plane,
    usable_entries,
)
from llmcli.interpretability.positions import Positions, positions_of
from llmcli.interpretability.reading import Side, SideName
from llmcli.interpretability.sections import SectionResult
from llmcli.interpretability.study import Study
from llmcli.spec.explain import ExplainOptions

NEAREST = 8
"""Neighbours of each token."""
SHOWN = 32
"""Positions, and distances, on a page."""
MOST_TOKENS = 256
"""Different tokens of a text that are shown."""


@dataclass(frozen=True, slots=True)
class EmbeddedTokens:
    """The different tokens of one side, in the order in which they first appear: U of them."""

    side: SideName
    """text; of an encoder-decoder source or target."""
    ids: tuple[int, ...]
    """Their ids."""
    names: tuple[str, ...]
    """Readable."""
    width: int
    """The numbers of a vector."""
    lengths: Floats
    """(U,): the lengths (norms) of their vectors."""
    neighbours: Neighbours
    """The nearest tokens of each."""
    neighbour_names: tuple[tuple[str, ...], ...]
    """Their readable names."""
    coordinates: Floats
    """(U, 2): the vectors on the two main axes of these tokens (PCA)."""
    shares: Floats
    """(2,): how much of the variance of these vectors each axis shows."""


@dataclass(frozen=True, slots=True)
class Embeddings(SectionResult):
    """Tokens as vectors, and what the model has for positions."""

    tokens: tuple[EmbeddedTokens, ...]
    """The tokens of each side."""
    positions: tuple[Positions, ...]
    """What each stack has for positions."""


def reason_against(study: Study) -> str | None:
    """Why the section is not defined: no table with a row for each token."""
    return None if _table(study.network, study.sides[0]) is not None else NO_TABLE


NO_TABLE = "it has no table of embeddings with a row for each token"


def build(study: Study, options: ExplainOptions) -> Embeddings:
    """Look up the vectors of the text's tokens, and compare them with all others."""
    every, errors, notes = [], [], []
    for side in study.sides:
        table = _table(study.network, side)
        if table is None:
            continue
        embedded = _embedded(study, side, table)
        every.append(embedded)
        errors.append(_cosine_error(table, embedded))
        if len({token.id for token in side.tokens if not token.special}) > MOST_TOKENS:
            notes.append(f"embeddings: the first {MOST_TOKENS} different tokens are shown")
    positions = [each for side in study.sides for each in _positions(study, side)]
    check = SelfCheck("embeddings.cosine", max(errors, default=0.0), 1e-5)
    return Embeddings(tuple(every), tuple(positions), checks=(check,), notes=tuple(notes))


def _owner(network: Any, side: Side) -> Any:
    """The part of a network that reads a side."""
    if side.name == "source":
        return network.get_encoder()
    return network.get_decoder() if side.name == "target" else network


def _table(network: Any, side: Side) -> Tensor | None:
    """The embedding table (V, D) of a side; None without one."""
    try:
        module = _owner(network, side).get_input_embeddings()
    except NotImplementedError:  # what transformers raises of a model without
        return None
    weight = getattr(module, "weight", None)
    return weight.detach() if isinstance(weight, Tensor) and weight.dim() == 2 else None


def _embedded(study: Study, side: Side, table: Tensor) -> EmbeddedTokens:
    plain = [token.id for token in side.tokens if not token.special] or side.ids
    ids = tuple(dict.fromkeys(plain))[:MOST_TOKENS]
    vectors = table[list(ids)].float().cpu().numpy()  # (U, D)
    allowed = usable_entries(study.loaded.tokenizer, table)
    neighbours = nearest(table, ids, allowed, NEAREST)
    coordinates, shares = plane(vectors)
    return EmbeddedTokens(
        side=side.name,
        ids=ids,
        names=tuple(study.names(ids)),
        width=table.shape[1],
        lengths=np.linalg.norm(vectors, axis=1),
        neighbours=neighbours,
        neighbour_names=tuple(tuple(study.names(row)) for row in neighbours.ids.tolist()),
        coordinates=coordinates,
        shares=shares,
    )


def _cosine_error(table: Tensor, embedded: EmbeddedTokens) -> float:
    """How far the named cosines are from the same in NumPy with float64."""
    own = table[list(embedded.ids)].double().cpu().numpy()[:, None]  # (U, 1, D)
    others = table[embedded.neighbours.ids.ravel().tolist()].double().cpu().numpy()
    others = others.reshape(len(own), -1, own.shape[-1])  # (U, K, D)
    lengths = np.linalg.norm(own, axis=-1) * np.linalg.norm(others, axis=-1)
    cosines = (own * others).sum(-1) / np.maximum(lengths, 1e-30)
    return largest_difference(embedded.neighbours.similarity, cosines)


def _positions(study: Study, side: Side) -> tuple[Positions, ...]:
    stack = {"source": "encoder", "target": "decoder"}.get(side.name, "self")
    has_attention = study.has_heads or bool(study.attentions)
    owner = _owner(study.network, side)
    return positions_of(owner, stack, study.network.config, has_attention)


def page_data(result: Embeddings, budget: int) -> Embeddings:
    """What a page shows: of positions the first SHOWN, and of distances those up to SHOWN."""
    return replace(result, positions=tuple(_cropped(each) for each in result.positions))


def _cropped(positions: Positions) -> Positions:
    if positions.distances:
        kept = [at for at, far in enumerate(positions.distances) if abs(far) < SHOWN]
        distances = tuple(positions.distances[at] for at in kept)
        return replace(positions, values=positions.values[:, kept], distances=distances)
    columns = SHOWN if positions.code != "rotary" else None
    return replace(positions, values=positions.values[:SHOWN, :columns])
