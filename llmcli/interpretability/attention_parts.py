"""The attention of the parts of a model: the kinds of all heads, and the weights of some."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.arrays import Floats
from llmcli.data.results import Described
from llmcli.interpretability.head_kinds import Direction, HeadKind, kind_of
from llmcli.interpretability.probe import Part
from llmcli.interpretability.reading import SideName


@dataclass(frozen=True, slots=True)
class HeldLayer(Described):
    """The weights of one layer that are kept."""

    layer: int
    """Its number, from 0."""
    weights: Floats
    """(heads, Tq, Tk): each row sums to 1."""
    norms: Floats | None
    """(heads, Tk) ||v W_O|| of each key; None where values cannot be recorded."""


@dataclass(frozen=True, slots=True)
class AttentionPart(Described):
    """The attention of one part of a model: L layers with H heads each."""

    part: Part
    """self; of an encoder-decoder encoder, decoder or cross."""
    direction: Direction
    """Whether a token sees what stands before it, its whole text, or another text."""
    query_side: SideName
    """The side whose tokens look."""
    key_side: SideName
    """The side whose tokens are looked at."""
    queries: tuple[str, ...]
    """The names of the tokens that look (Tq)."""
    keys: tuple[str, ...]
    """The names of the tokens that are looked at (Tk)."""
    layer_numbers: tuple[int, ...]
    """The numbers of the layers that have attention (L)."""
    scores: dict[HeadKind, Floats]
    """(L, H) of each kind; NaN where a text gives nothing to measure it on."""
    effects: Floats
    """(L,) how long the vector is that attention adds, relative to what the layer was given; the
    mean of the tokens; NaN where it is not known."""
    heads: tuple[int, ...]
    """The heads whose weights are kept: all, or the chosen ones."""
    held: tuple[HeldLayer, ...]
    """The layers whose weights are kept: all, the chosen ones, or those of the greatest effect."""
    is_chosen: bool
    """Whether layers or heads were chosen by their numbers."""
    has_sinks: bool
    """Whether a part of each row's weight goes to no token."""

    def named_arrays(self) -> Iterator[tuple[str, Any]]:
        """The arrays with their names: `scores/broad`, `effects`, `layer3/weights`."""
        yield "scores", self.scores
        yield "effects", self.effects
        for held in self.held:
            yield f"layer{held.layer}", held

    @property
    def shape(self) -> tuple[int, int]:
        """(L, H): how many layers and heads there are."""
        layers, heads = self.scores["broad"].shape
        return layers, heads

    def kind(self, layer: int, head: int) -> HeadKind:
        """The kind of a head; layer: its place among the L layers."""
        return kind_of({kind: float(score[layer, head]) for kind, score in self.scores.items()})

    def leaning(self, layer: int, head: int) -> tuple[HeadKind, float]:
        """The kind of a head with its score; of a mixed one that of the greatest pointed score."""
        kind = self.kind(layer, head)
        if kind == "mixed":
            scores = {name: float(score[layer, head]) for name, score in self.scores.items()}
            known = [name for name, score in scores.items() if name != "broad" and score >= 0]
            kind = max(known, key=lambda name: scores[name], default="broad")
        return kind, float(self.scores[kind][layer, head])

    def clearest(self) -> tuple[int, int]:
        """The kept head, as (place in `held`, place in `heads`), that is most clearly of a kind.

        The first and the last token do not count: every model has heads that rest there. Of
        cross-attention it is the head with the sharpest weights on other tokens.
        """
        rows = [self.layer_numbers.index(layer.layer) for layer in self.held]
        kept = {
            kind: np.nan_to_num(score[rows][:, self.heads], nan=-1.0)
            for kind, score in self.scores.items()
        }
        if self.direction == "cross":
            clear = (1 - kept["first"] - kept["last"]) * (1 - kept["broad"])
        else:
            resting = ("first", "last", "broad")
            clear = np.stack([kept[kind] for kind in kept if kind not in resting]).max(0)
        layer, head = divmod(int(clear.argmax()), len(self.heads))
        return layer, head
