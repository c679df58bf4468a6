"""Activation patching: activations of another text, put into the pass of this one.

The metric is a difference of two logits (Wang et al. 2022; Heimersheim and Nanda 2024): 0 is
the text as it is, 1 is the other text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llmcli.errors import InputError
from llmcli.interpretability.architecture import Stack, StackName, stacks
from llmcli.interpretability.interventions import (
    Head,
    Inputs,
    Intervention,
    Stream,
    run_changed,
    take_from_second,
)
from llmcli.interpretability.outcome import Outcome
from llmcli.interpretability.probe import Part, Site
from llmcli.interpretability.study import Study

MOST_WORK = 1e13
"""Tokens in all passes, times weights of the model: more takes many minutes on a processor."""
SAME = 1e-6  # logits; closer differences have no way between them
Floats = NDArray[np.float32]
Heads = Sequence[tuple[Site, tuple[int, ...]]]
"""Attentions, each with the numbers of some of its heads."""


@dataclass(frozen=True, slots=True)
class StreamPatches:
    """The residual stream of one stack, patched at one layer and position at a time."""

    stack: str
    """self; of an encoder-decoder encoder or decoder."""
    difference: Floats
    """(L + 1, T): the difference of the logits with the patch at the input of each layer, and at
    the output of the last."""
    share: Floats
    """(L + 1, T): how much of the way to the other text that is, from 0 to 1; NaN where both texts
    have the same difference."""


@dataclass(frozen=True, slots=True)
class HeadPatches:
    """The heads of one part, patched at all positions, one head at a time."""

    part: Part
    """self; of an encoder-decoder encoder, decoder or cross."""
    layers: tuple[int, ...]
    """The numbers of the L layers."""
    numbers: tuple[int, ...]
    """The numbers of the H heads."""
    difference: Floats
    """(L, H): the difference of the logits with the head's outputs of the other text."""
    share: Floats
    """(L, H): how much of the way to the other text that is."""


@dataclass(frozen=True, slots=True)
class Patch:
    """What the activations of another text do in the pass of this one."""

    text: str
    """The other text."""
    tokens: tuple[str, ...]
    """Its tokens, readable; as many as this text has."""
    differs: tuple[int, ...]
    """The positions at which the texts have different tokens."""
    target: str
    """What this text predicts, or was asked for."""
    foil: str
    """What the other text predicts, or was asked for."""
    here: float
    """logit(target) - logit(foil) of this text."""
    there: float
    """The same of the other text."""
    streams: tuple[StreamPatches, ...]
    """By layers and positions."""
    heads: tuple[HeadPatches, ...]
    """By heads; empty where a model's heads cannot be changed."""
    whole_error: float
    """All positions patched at the first layer must give the other text: the largest deviation of
    that difference."""

    @property
    def is_same(self) -> bool:
        """True if both texts have the same difference: then there are no shares."""
        return abs(self.there - self.here) < SAME

    def shown(self, patches: StreamPatches | HeadPatches) -> Floats:
        """The shares; where both texts have the same difference, the changes of this one."""
        return patches.difference - np.float32(self.here) if self.is_same else patches.share


def patch_from(outcome: Outcome, text: str, heads: Heads) -> Patch:
    """Patch each layer and position, and each head, with the activations of another text.

    heads: the attentions whose heads are patched, and the numbers of these heads. Of a translator
    the other text is a source; the target stays. Raises InputError for a text with another number
    of tokens, or one so long that it would take hours.
    """
    study = outcome.study
    second, other = _read_other(study, text)
    patcher = _Patcher(outcome, second, _foil(outcome, second))
    by_stack = stacks(study.network)
    _require_affordable(study, by_stack.values(), heads)
    streams = tuple(patcher.streams(stack, _count(study, stack)) for stack in by_stack.values())
    pairs = zip(study.sides[0].ids, other.sides[0].ids, strict=True)
    return Patch(
        text=text,
        tokens=tuple(token.name for token in other.sides[0].tokens),
        differs=tuple(at for at, (left, right) in enumerate(pairs) if left != right),
        target=outcome.name(outcome.target),
        foil=outcome.name(patcher.foil),
        here=patcher.here,
        there=patcher.there,
        streams=streams,
        heads=patcher.heads(heads),
        whole_error=max((patcher.whole_error(stack) for stack in _first(by_stack)), default=0.0),
    )


def _read_other(study: Study, text: str) -> tuple[Inputs, Study]:
    """Another text as the network takes it, beside the same target."""
    target = study.side.text if study.kind == "seq2seq" else None
    options = replace(study.options, translation=target, position=None)
    other = Study(study.loaded, replace(study.row, text=text), options)
    counts = [len(each.sides[0].tokens) for each in (study, other)]
    if counts[0] != counts[1]:
        raise InputError(
            f"`patch_from` has {counts[1]} tokens, the text has {counts[0]}: activations go from "
            "position to position, so give a text with as many"
        )
    inputs = dict(other.inputs)
    if study.kind == "seq2seq":
        inputs["decoder_input_ids"] = study.inputs["decoder_input_ids"]
    return inputs, other


def _foil(outcome: Outcome, second: Inputs) -> int:
    """What the target is compared with: `foil`, or what the other text predicts.

    Where that predicts the target too, its most probable other candidate. Raises InputError where
    there is only one candidate.
    """
    if outcome.study.options.foil is not None:
        foil = outcome.foil
    else:
        scores = outcome.scores(outcome.study.run(second))[0]
        order = scores.argsort(descending=True)[:2].tolist()
        foil = next((each for each in order if each != outcome.target), None)
    if foil is None:
        raise InputError("`patch_from` compares two tokens or labels: this model has only one")
    return foil


def _first(by_stack: dict[StackName, Stack]) -> list[Stack]:
    """The stack that reads the text, if there is one."""
    return [stack for name, stack in by_stack.items() if name != "decoder"]


def _count(study: Study, stack: Stack) -> int:
    """How many positions a stack has."""
    return len(study.sides[0 if stack.name == "encoder" else -1].tokens)


def _require_affordable(study: Study, every: Iterable[Stack], heads: Heads) -> None:
    passes = sum((len(stack.blocks) + 1) * _count(study, stack) for stack in every)
    passes += sum(len(numbers) for _, numbers in heads)
    tokens = sum(len(side.tokens) for side in study.sides)
    weights = sum(parameter.numel() for parameter in study.network.parameters())
    if passes * tokens * weights > MOST_WORK:
        raise InputError(
            f"`patch_from` would take {passes:,} passes over {tokens:,} tokens, one for each layer "
            "and position: shorten both texts"
        )


class _Patcher:
    """Runs patches and measures the difference of two logits."""

    def __init__(self, outcome: Outcome, second: Inputs, foil: int) -> None:
        self._outcome, self._second, self.foil = outcome, second, foil
        scores = next(run_changed(outcome, [], second))
        assert scores.second is not None  # it is given
        self.here = float(self._difference(scores.text))
        self.there = float(self._difference(scores.second))

    def _measure(self, patches: Sequence[Intervention]) -> Floats:
        """The differences (N,) with each patch.

        Each is compared with the text as it is in the same batch, so that rounding cancels out.
        """
        changes = [
            self._difference(scores.changed) - self._difference(scores.text)
            for scores in run_changed(self._outcome, patches, self._second)
        ]
        differences: Floats = torch.cat(changes).cpu().numpy() + np.float32(self.here)
        return differences

    def _difference(self, scores: Tensor) -> Tensor:
        return scores[..., self._outcome.target] - scores[..., self.foil]

    def _share(self, difference: Floats) -> Floats:
        way = self.there - self.here
        if abs(way) < SAME:
            return np.full_like(difference, np.nan)
        return ((difference - self.here) / way).astype(np.float32)

    def streams(self, stack: Stack, count: int) -> StreamPatches:
        """Patch the residual stream before each layer and after the last, at each position."""
        places = [Stream(block.module, "in") for block in stack.blocks]
        places.append(Stream(stack.blocks[-1].module, "out"))
        patches = [
            Intervention(place, take_from_second(position))
            for place in places
            for position in range(count)
        ]
        difference = self._measure(patches).reshape(len(places), count)
        return StreamPatches(stack.name, difference, self._share(difference))

    def heads(self, heads: Heads) -> tuple[HeadPatches, ...]:
        """Patch each head at all positions."""
        parts: dict[Part, list[tuple[Site, tuple[int, ...]]]] = {}
        for site, numbers in heads:
            parts.setdefault(site.part, []).append((site, numbers))
        results = []
        for part, places in parts.items():
            patches = [
                Intervention(Head(site, head), take_from_second(slice(None)))
                for site, numbers in places
                for head in numbers
            ]
            difference = self._measure(patches).reshape(len(places), -1)
            layers = tuple(site.layer for site, _ in places)
            share = self._share(difference)
            results.append(HeadPatches(part, layers, places[0][1], difference, share))
        return tuple(results)

    def whole_error(self, stack: Stack) -> float:
        """How far the other text is from this one with all of its first layer's input patched."""
        everywhere = take_from_second(slice(None))
        place = Stream(stack.blocks[0].module, "in")
        changed = self._measure([Intervention(place, everywhere)])
        return abs(float(changed[0]) - self.there)
