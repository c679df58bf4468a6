"""Reads the attention of a model, one layer after another, and keeps what fits."""

from typing import Any

import numpy as np
import torch
from torch import nn

from llmcli.arrays import Floats
from llmcli.interpretability.attention_outputs import effects, outputs_of, value_norms
from llmcli.interpretability.attention_parts import AttentionPart, HeldLayer
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.chosen import chosen
from llmcli.interpretability.head_kinds import Direction, HeadKind, head_scores
from llmcli.interpretability.probe import Captured, Part, Site
from llmcli.interpretability.reading import Side
from llmcli.interpretability.recomputed import recomputed
from llmcli.interpretability.study import Study

HELD = 1 << 23
"""The most weights that are kept, of all parts together: 32 MB."""
CHECKED = 1 << 21
"""The most weights of an attention that are computed a second time: of more, the first heads."""
UNSEEN = -1e30
"""What is added to a score, at most, where a query cannot see a key."""


class Reader:
    """Takes the attentions of a forward pass as they are computed, and keeps few of them."""

    def __init__(self, study: Study) -> None:
        """Run the model once, to learn how much each layer adds."""
        self.study = study
        self.parts: dict[Part, _PartReader] = {}
        self.errors: dict[str, float] = {}
        self._effects = effects(study)
        self._outputs = {site: output for site, (_, output) in outputs_of(study.network).items()}

    def visit(self, captured: Captured) -> None:
        """Score the heads of one attention, keep its weights if they are wanted, and check them."""
        part = captured.site.part
        if part not in self.parts:
            self.parts[part] = _PartReader(self.study, captured, self._effects)
        reader = self.parts[part]
        layer = number_of(captured.site, reader.layers)
        reader.add(layer, captured, self._outputs.get(Site(part, layer)))
        self._check(captured, reader.is_causal)

    def checks(self) -> tuple[SelfCheck, ...]:
        """The largest error of each kind."""
        return tuple(
            SelfCheck(f"attention.{name}", error, TOLERANCES[name])
            for name, error in self.errors.items()
        )

    def _check(self, captured: Captured, is_causal: bool) -> None:
        weights = captured.weights[0]
        if captured.sinks is None:
            self._note("rows", float((weights.sum(-1, dtype=torch.float64) - 1).abs().max()))
        if is_causal:
            self._note("future", float(weights.triu(1).max()))
        heads = max(1, CHECKED // weights[0].numel())
        again = recomputed(captured, heads)
        if again is not None and captured.output is not None:
            self._note("weights", float(np.abs(weights[:heads].cpu().numpy() - again[0]).max()))
            output = captured.output[0, :, :heads].cpu().numpy()
            self._note("values", float(np.abs(output - again[1]).max()))

    def _note(self, name: str, error: float) -> None:
        self.errors[name] = max(error, self.errors.get(name, 0.0))


TOLERANCES = {"rows": 1e-5, "future": 0.0, "weights": 1e-5, "values": 1e-5}


class _PartReader:
    """What is read of one part of a model."""

    def __init__(self, study: Study, first: Captured, effects: dict[Site, float]) -> None:
        self.study, self.part = study, first.site.part
        self.is_causal = self.part == "decoder" or study.kind == "causal"
        self.query_side, self.key_side = _sides(study, self.part)
        self.direction = _direction(first, self.is_causal)
        self.effects = {
            site.layer: size for site, size in effects.items() if site.part == self.part
        }
        self.layers: list[int] = []
        self.scores: list[dict[HeadKind, Floats]] = []
        self.held: list[HeldLayer] = []
        self.has_sinks = first.sinks is not None
        _, heads, queries, keys = first.weights.shape
        self.heads = chosen(study.options.heads, heads, "heads")
        self.same = self._same_tokens()
        count = len(study.sides)  # an encoder-decoder has three parts
        self.most = HELD // (1 if count == 1 else 3) // (len(self.heads) * queries * keys)

    def add(self, layer: int, captured: Captured, output: nn.Module | None) -> None:
        weights = np.asarray(captured.weights[0].cpu().numpy(), np.float32)
        visible = _visible(captured, self.direction)
        self.layers.append(layer)
        self.scores.append(head_scores(self.direction, weights, visible, self.same))
        if self._is_wanted(layer):
            value = captured.value
            norms = None if value is None else value_norms(value[0], output)
            kept = None if norms is None else norms[list(self.heads)]
            self.held.append(HeldLayer(layer, weights[list(self.heads)], kept))
            self._let_go()

    def _is_wanted(self, layer: int) -> bool:
        return not self.study.options.layers or layer in self.study.options.layers

    def _let_go(self) -> None:
        """Drop the layers with the least effect while there are too many weights."""
        while len(self.held) > max(1, self.most):
            least = min(self.held, key=lambda held: self.effects.get(held.layer, -held.layer))
            self.held.remove(least)

    def _same_tokens(self) -> Floats:
        config: Any = self.study.network.config
        if self.part == "cross" and not getattr(config, "share_encoder_decoder_embeddings", True):
            return np.full((len(self.query_side.ids), len(self.key_side.ids)), np.nan, np.float32)
        queries, keys = np.array(self.query_side.ids), np.array(self.key_side.ids)
        return np.asarray(queries[:, None] == keys[None], np.float32)

    def finish(self, induction: Floats | None) -> AttentionPart:
        """The part. induction: (L, H), where it was measured."""
        chosen(self.study.options.layers, max(self.layers) + 1, "layers")
        scores = {kind: np.stack([layer[kind] for layer in self.scores]) for kind in self.scores[0]}
        if induction is not None:
            scores["induction"] = induction
        sizes = [self.effects.get(layer, float("nan")) for layer in self.layers]
        return AttentionPart(
            part=self.part,
            direction=self.direction,
            query_side=self.query_side.name,
            key_side=self.key_side.name,
            queries=tuple(token.name for token in self.query_side.tokens),
            keys=tuple(token.name for token in self.key_side.tokens),
            layer_numbers=tuple(self.layers),
            scores=scores,
            effects=np.array(sizes, np.float32),
            heads=self.heads,
            held=tuple(self.held),
            is_chosen=bool(self.study.options.layers or self.study.options.heads),
            has_sinks=self.has_sinks,
        )


def number_of(site: Site, before: list[int]) -> int:
    """The number of a layer: its own, or the next where one module is used for all layers.

    before: the layers of the same part that came before.
    """
    return site.layer if site.layer not in before else before[-1] + 1


def _sides(study: Study, part: Part) -> tuple[Side, Side]:
    """The sides of the queries and of the keys."""
    first, last = study.sides[0], study.sides[-1]
    return (last if part != "encoder" else first, first if part in ("encoder", "cross") else last)


def _direction(captured: Captured, is_causal: bool) -> Direction:
    if captured.site.part == "cross":
        return "cross"
    ahead = captured.weights[0].triu(1)
    return "bidirectional" if not is_causal and float(ahead.max()) > 0 else "causal"


def _visible(captured: Captured, direction: Direction) -> Floats:
    """(T, S): 1 where a query sees a key."""
    queries, keys = captured.weights.shape[-2:]
    if captured.mask is not None:
        highest = captured.mask[0].amax(0).expand(queries, keys)  # over the heads
        return np.asarray((highest > UNSEEN).cpu().numpy(), np.float32)
    everything = np.ones((queries, keys), np.float32)
    return np.tril(everything) if direction == "causal" else everything
