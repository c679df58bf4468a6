"""What the prediction loses without a head, an attention layer or an MLP."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llmcli.interpretability.architecture import Stack, StackName, stacks
from llmcli.interpretability.interventions import (
    Change,
    Head,
    Intervention,
    Stream,
    run_changed,
    set_to_mean,
    set_to_zero,
)
from llmcli.interpretability.outcome import Outcome
from llmcli.interpretability.probe import Captured, Part, Site
from llmcli.interpretability.study import Study

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Effects:
    """What each of N changes does to a prediction."""

    change: Floats
    """(N,): log p of the target with the change, less log p of it without."""
    divergence: Floats
    """(N,): KL divergence in nats of the changed distribution from the model's own."""
    best: NDArray[np.int32]
    """(N,): the most probable candidate with the change."""


@dataclass(frozen=True, slots=True)
class HeadEffects:
    """The effects of all heads of one part of a model: L layers, H heads."""

    part: Part
    """self; of an encoder-decoder encoder, decoder or cross."""
    layers: tuple[int, ...]
    """The numbers of the L layers."""
    numbers: tuple[int, ...]
    """The numbers of the H heads."""
    change: Floats
    """(L, H): log p of the target without the head, less log p with it."""
    divergence: Floats
    """(L, H): KL divergence in nats of the distribution without the head from that with it."""
    best: NDArray[np.int32]
    """(L, H): the most probable candidate without the head."""
    weight: Floats
    """(L, H): the greatest attention weight of the head at the position that is explained; where
    no single position is read out, the greatest mean over all positions."""
    attended: NDArray[np.int32]
    """(L, H): the position that has this weight."""


@dataclass(frozen=True, slots=True)
class HeadRow:
    """The effect of one head, and where it looks."""

    part: Part
    """self; of an encoder-decoder encoder, decoder or cross."""
    layer: int
    """The number of its layer, from 0."""
    head: int
    """Its number, from 0."""
    change: float
    """log p of the target without the head, less log p with it."""
    divergence: float
    """KL divergence in nats of the distribution without the head from that with it; NaN of a
    number."""
    best: int
    """The most probable candidate without the head."""
    attended: int
    """The position to which it attends most: of the target for decoder, else of the first side."""
    weight: float
    """The attention weight of this position."""


@dataclass(frozen=True, slots=True)
class LayerEffects:
    """The effects of the attentions and MLPs of one stack of layers."""

    stack: str
    """self; of an encoder-decoder encoder or decoder."""
    layers: tuple[int, ...]
    """The numbers of the L layers."""
    kinds: tuple[str, ...]
    """The K columns: self and cross attention, mlp."""
    change: Floats
    """(L, K): log p of the target without it, less log p with it; NaN where a layer has none."""
    divergence: Floats
    """(L, K): KL divergence in nats from the model's own distribution."""


def effects_of(outcome: Outcome, interventions: Sequence[Intervention]) -> Effects:
    """Run all interventions, and compare each with the text as it is."""
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for scores in run_changed(outcome, interventions):
        before = outcome.log_probabilities(scores.text[None])
        after = outcome.log_probabilities(scores.changed)
        change = after[:, outcome.target] - before[:, outcome.target]
        parts.append((change, divergence(outcome, before, after), scores.changed.argmax(-1)))
    joined = [torch.cat(each).cpu().numpy() for each in zip(*parts, strict=True)]
    return Effects(joined[0], joined[1], joined[2].astype(np.int32))


def divergence(outcome: Outcome, before: Tensor, after: Tensor) -> Tensor:
    """KL divergence (B,) in nats of log-probabilities `after` (B, C) from `before` (1 or B, C).

    Kullback and Leibler 1951: sum of p log (p / q). Of labels that hold each for itself, the sum
    over the labels; NaN for a number, which has no distribution.
    """
    if outcome.is_number:
        return torch.full(after.shape[:1], torch.nan)
    terms = before.exp() * (before - after)
    if outcome.is_multi_label:
        others = [(-torch.expm1(each)).clamp_min(1e-30) for each in (before, after)]
        terms = terms + others[0] * (others[0].log() - others[1].log())
    return torch.where(before > -torch.inf, terms, 0.0).sum(-1).clamp_min(0.0)


def change_of(study: Study, part: str) -> Change:
    """What an ablated place of a part gives, as `ablate` says.

    The mean is over the positions that the prediction can see: what follows it in a decoder
    would tell of the target.
    """
    if study.options.ablate == "zero":
        return set_to_zero
    sees_all = part == "encoder" or study.kind not in ("causal", "seq2seq")
    return set_to_mean(None if sees_all else study.position + 1)


@dataclass(frozen=True, slots=True)
class Attended:
    """Where the heads of one attention look, at the position that is explained."""

    site: Site
    weight: Floats
    """(H,): the greatest weight of each head."""
    position: NDArray[np.int32]
    """(H,): the position that has it."""
    chosen: tuple[int, ...] = ()
    """The numbers of the heads that are changed; empty: all."""
    is_shared: bool = False
    """True where one module is the attention of several layers."""

    @property
    def heads(self) -> tuple[int, ...]:
        """The numbers of the heads that are changed."""
        return self.chosen or tuple(range(len(self.weight)))


def attended(study: Study) -> tuple[Attended, ...]:
    """Where the heads of all attentions look, in the order of computation.

    Where no single position is read out, the weights are means over all positions.
    """
    seen: list[Attended] = []

    def visit(captured: Captured) -> None:
        weights = captured.weights[0]  # (H, T, S)
        no_place = study.kind in ("classifier", "reader") or captured.site.part == "encoder"
        best = (weights.mean(1) if no_place else weights[:, study.position]).max(-1)
        places = best.indices.cpu().numpy().astype(np.int32)
        seen.append(Attended(captured.site, best.values.float().cpu().numpy(), places))

    study.probed(visit)
    return tuple(seen)


def head_effects(outcome: Outcome, attentions: Sequence[Attended]) -> tuple[HeadEffects, ...]:
    """The effect of each head of these attentions, by parts."""
    study = outcome.study
    interventions = [
        Intervention(Head(each.site, head), change_of(study, each.site.part))
        for each in attentions
        for head in each.heads
    ]
    effects = effects_of(outcome, interventions)
    ends = np.cumsum([len(each.heads) for each in attentions])[:-1]
    change, divergences = (
        np.split(values, ends) for values in (effects.change, effects.divergence)
    )
    best = np.split(effects.best, ends)
    return tuple(
        HeadEffects(
            part=part,
            layers=tuple(attentions[at].site.layer for at in rows),
            numbers=attentions[rows[0]].heads,
            change=np.stack([change[at] for at in rows]),
            divergence=np.stack([divergences[at] for at in rows]),
            best=np.stack([best[at] for at in rows]),
            weight=np.stack([_chosen(attentions[at], attentions[at].weight) for at in rows]),
            attended=np.stack([_chosen(attentions[at], attentions[at].position) for at in rows]),
        )
        for part, rows in _rows_of_parts(attentions).items()
    )


def _chosen(attention: Attended, values: Any) -> Any:
    """The values (H,) of the heads that are changed."""
    return values[list(attention.heads)]


def _rows_of_parts(attentions: Sequence[Attended]) -> dict[Part, list[int]]:
    rows: dict[Part, list[int]] = {}
    for at, each in enumerate(attentions):
        rows.setdefault(each.site.part, []).append(at)
    return rows


def layer_effects(outcome: Outcome, layers: Sequence[int]) -> tuple[LayerEffects, ...]:
    """The effect of each attention and MLP as a whole, by stacks. layers: which; empty: all."""
    return tuple(
        effects
        for stack in stacks(outcome.study.network).values()
        if (effects := _stack_effects(outcome, stack, layers)) is not None
    )


def _stack_effects(outcome: Outcome, stack: Stack, layers: Sequence[int]) -> LayerEffects | None:
    chosen = [at for at in range(len(stack.blocks)) if not layers or at in layers]
    kinds = tuple(
        kind
        for kind in ("self", "cross", "mlp")
        if any(stack.blocks[at].part(kind) is not None for at in chosen)
    )
    if kinds in ((), ("mlp",)):  # without attention, what is not attention is no MLP
        return None
    change = change_of(outcome.study, stack.name)
    cells, interventions = [], []
    for row, at in enumerate(chosen):
        for column, kind in enumerate(kinds):
            part = stack.blocks[at].part(kind)
            if part is not None:
                cells.append((row, column))
                interventions.append(Intervention(Stream(part.output, "out"), change))
    effects = effects_of(outcome, interventions)
    grids = [np.full((len(chosen), len(kinds)), np.nan, np.float32) for _ in range(2)]
    for index, cell in enumerate(cells):
        grids[0][cell], grids[1][cell] = effects.change[index], effects.divergence[index]
    return LayerEffects(stack.name, tuple(chosen), kinds, *grids)


def change_by_hook(outcome: Outcome, head: Head, count: int) -> float | None:
    """The change of log p without a head, computed another way: for the check of `head_effects`.

    The input of the attention's output projection is zeroed (or set to its mean) where the head's
    numbers stand, by a hook, with the attention function that the model has by itself. count: the
    number of the attention's heads. None where the projection of this layer alone is not known, as
    in models whose layers share their weights.
    """
    study = outcome.study
    owner: StackName = "decoder" if head.site.part == "cross" else head.site.part
    kind = "cross" if head.site.part == "cross" else "self"
    stack = stacks(study.network).get(owner)
    part = stack.blocks[head.site.layer].part(kind) if stack is not None else None
    if part is None:
        return None
    change = change_of(study, head.site.part)

    def hook(module: Any, args: Any) -> Any:
        values = args[0].clone()  # (1, T, H * d)
        size = values.shape[-1] // count
        change(values[..., head.head * size : (head.head + 1) * size], 0)
        return (values, *args[1:])

    before = outcome.log_probabilities(outcome.scores(study.run()))
    handle = part.output.register_forward_pre_hook(hook)
    try:
        after = outcome.log_probabilities(outcome.scores(study.run()))
    finally:
        handle.remove()
    return float(after[0, outcome.target] - before[0, outcome.target])


def ranked_heads(heads: Sequence[HeadEffects]) -> list[HeadRow]:
    """All heads, those with the largest effects first."""
    rows = [
        HeadRow(
            part.part,
            layer,
            head,
            float(part.change[row, column]),
            float(part.divergence[row, column]),
            int(part.best[row, column]),
            int(part.attended[row, column]),
            float(part.weight[row, column]),
        )
        for part in heads
        for row, layer in enumerate(part.layers)
        for column, head in enumerate(part.numbers)
    ]
    return sorted(rows, key=lambda row: -abs(row.change))


def idle_head(heads: Sequence[HeadEffects]) -> HeadRow | None:
    """The head that attends most to one token though it has hardly an effect, if there is one.

    It gives at least half of its attention to the token, and its effect is at most a tenth of the
    largest.
    """
    rows = ranked_heads(heads)
    idle = [
        row for row in rows if row.weight >= 0.5 and 10 * abs(row.change) <= abs(rows[0].change)
    ]
    return max(idle, key=lambda row: row.weight, default=None)
