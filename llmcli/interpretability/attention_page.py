"""What a page shows of attention: as many layers as its size allows, packed."""

from dataclasses import replace
from typing import Any

import numpy as np

from llmcli.interpretability.attention_parts import AttentionPart, HeldLayer
from llmcli.interpretability.page_data import Packing, pack, packed_size

MOST = 3_000_000
"""Bytes of the layers and heads that were chosen by their numbers."""


def packed_part(part: AttentionPart, size: int) -> dict[str, Any]:
    """A part as js/sections/attention.js reads it, with weights of about `size` bytes at most.

    Of more layers, those of the greatest effect are kept, and one at least.
    """
    way: Packing = "sqrt8-lower" if part.direction == "causal" else "sqrt8"
    limit = MOST if part.is_chosen else size
    packed: dict[int, Any] = {}
    used = 0
    for held in sorted(part.held, key=lambda held: -_effect(part, held)):
        weights = pack(held.weights, way)
        used += packed_size(weights)
        if packed and used > limit:
            break
        packed[held.layer] = weights
    kept = tuple(held for held in part.held if held.layer in packed)
    shown = replace(part, held=kept)
    layers, heads = part.shape
    return {
        **{name: getattr(part, name) for name in COPIED},
        "layers": [held.layer for held in kept],
        "weights": [packed[held.layer] for held in kept],
        "norms": _norms(kept),
        "scores": pack(part.scores, "float16"),
        "kinds": [[part.kind(layer, head) for head in range(heads)] for layer in range(layers)],
        "leanings": [
            [part.leaning(layer, head)[0] for head in range(heads)] for layer in range(layers)
        ],
        "clearest": shown.clearest(),
    }


COPIED = (
    "part",
    "direction",
    "query_side",
    "key_side",
    "queries",
    "keys",
    "layer_numbers",
    "effects",
    "heads",
    "is_chosen",
    "has_sinks",
)


def _effect(part: AttentionPart, held: HeldLayer) -> float:
    """The effect of a layer; of unknown effects the first layer has the greatest."""
    effect = float(part.effects[part.layer_numbers.index(held.layer)])
    return effect if np.isfinite(effect) else -float(held.layer)


def _norms(kept: tuple[HeldLayer, ...]) -> list[Any] | None:
    norms = [pack(held.norms, "float16") for held in kept if held.norms is not None]
    return norms if len(norms) == len(kept) else None
