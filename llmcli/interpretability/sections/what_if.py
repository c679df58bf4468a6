"""What if a head or a layer were not there, another word stood in the text, or another text ran?

Shown beside the attention of each head, as attention is not explanation (Jain and Wallace 2019).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from llmcli.errors import InputError
from llmcli.interpretability.ablation import (
    Attended,
    HeadEffects,
    HeadRow,
    LayerEffects,
    attended,
    change_by_hook,
    head_effects,
    idle_head,
    layer_effects,
)
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.interventions import Head
from llmcli.interpretability.outcome import NO_HEAD, Outcome, outcome_of
from llmcli.interpretability.patching import Patch, patch_from
from llmcli.interpretability.probe import Site
from llmcli.interpretability.sections import SectionResult
from llmcli.interpretability.study import Study
from llmcli.interpretability.swapping import Swap, swap_word
from llmcli.spec.explain import Ablation, ExplainOptions

MOST_WORK = 1e13
"""Tokens in all passes, times weights of the model: some minutes on a processor."""


SHARED = "the layers share their weights: a head is taken away in all of them at once"


@dataclass(frozen=True, slots=True)
class WhatIf(SectionResult):
    """What changes when something inside the model, or its text, is changed."""

    target: str
    """The token, label or answer whose probability is followed."""
    is_number: bool
    """True of a model that gives a number: then `log p` below means the number."""
    log_probability: float
    """Its log p in nats with the text as it is; of a model that gives a number, the number."""
    names: dict[int, str]
    """Readable names of the candidates that are named below."""
    ablate: Ablation
    """What an ablated head or layer gives: zero, or its mean over the positions."""
    heads: tuple[HeadEffects, ...]
    """The effect of each head, by parts; empty where a model's heads cannot be changed."""
    without_heads: Literal["no_attention", "no_heads", "left_out_heads"] | None
    """Why there are no effects of heads: the model has none; they cannot be changed; it would take
    too long."""
    layers: tuple[LayerEffects, ...]
    """The effect of each attention and MLP as a whole, by stacks."""
    idle: HeadRow | None
    """A head that attends much to one token though it has hardly an effect; None without such a
    one."""
    correlation: float | None
    """Rank correlation (Spearman) of the heads' greatest attention weights with the sizes of their
    effects; None for fewer than three heads."""
    swap: Swap | None
    """The prediction with another word in the text."""
    patch: Patch | None
    """The prediction with activations of another text."""


def reason_against(study: Study) -> str | None:
    """Why the section is not defined: the model predicts nothing."""
    return NO_HEAD if study.kind == "encoder" else None


def build(study: Study, options: ExplainOptions) -> WhatIf:
    """Ablate each head and layer; swap words and patch activations, where they are given.

    Raises InputError for a word that the text does not have, a text to patch from that has another
    number of tokens, and a target that the model cannot predict.
    """
    outcome = outcome_of(study)
    sites = _sites(study)
    affordable = _is_affordable(study, sites)
    heads = head_effects(outcome, sites) if sites and affordable else ()
    patch_heads = [(each.site, each.heads) for each in sites]
    patch = options.patch_from and patch_from(outcome, options.patch_from, patch_heads)
    layers = layer_effects(outcome, options.layers)
    scores = outcome.log_probabilities(outcome.baseline[None])[0]
    return WhatIf(
        target=outcome.name(outcome.target),
        is_number=outcome.is_number,
        log_probability=float(scores[outcome.target]),
        names=_names(outcome, heads),
        ablate=options.ablate,
        heads=heads,
        without_heads=None if heads else _without_heads(sites, layers),
        layers=layers,
        idle=idle_head(heads),
        correlation=rank_correlation(heads),
        swap=swap_word(outcome, *options.swap) if options.swap else None,
        patch=patch or None,
        checks=tuple(_checks(outcome, heads, sites, patch or None)),
        notes=(SHARED,) if any(each.is_shared for each in sites) else (),
    )


def _without_heads(
    sites: Sequence[Attended], layers: Sequence[LayerEffects]
) -> Literal["no_attention", "no_heads", "left_out_heads"]:
    """Why there are no effects of heads."""
    if sites:
        return "left_out_heads"
    return "no_heads" if layers else "no_attention"


def _names(outcome: Outcome, heads: Sequence[HeadEffects]) -> dict[int, str]:
    """Readable names of the candidates that are most probable without some head."""
    best = {int(candidate) for part in heads for candidate in np.unique(part.best)}
    return {candidate: outcome.name(candidate) for candidate in sorted(best)}


def _sites(study: Study) -> list[Attended]:
    """The attentions whose heads are changed: of the chosen layers and heads, or all; each once.

    Raises InputError where the model has none of the chosen ones.
    """
    if not study.has_heads:
        return []
    options = study.options
    every = attended(study)
    by_site = {each.site: each for each in every}
    is_shared = len(by_site) < len(every)
    most = {"layers": 1 + max(site.layer for site in by_site)}
    most["heads"] = max(len(each.weight) for each in by_site.values())
    for name, count in most.items():
        for number in getattr(options, name):
            if number >= count:
                raise InputError(
                    f"`{name}` {number} is not in the model, which has 0 to {count - 1}"
                )
    return [
        replace(
            each,
            chosen=tuple(head for head in options.heads if head < len(each.weight)),
            is_shared=is_shared,
        )
        for each in by_site.values()
        if not options.layers or each.site.layer in options.layers
    ]


def _is_affordable(study: Study, sites: Sequence[Attended]) -> bool:
    """True if all heads can be ablated in some minutes, or the user asked for just that."""
    passes = sum(len(each.heads) for each in sites)
    tokens = passes * sum(len(side.tokens) for side in study.sides)
    weights = sum(parameter.numel() for parameter in study.network.parameters())
    asked = study.options.sections == ("what-if",) or bool(study.options.layers)
    return asked or tokens * weights < MOST_WORK


def rank_correlation(heads: Sequence[HeadEffects]) -> float | None:
    """Spearman's rank correlation of weights and sizes of effects; None for fewer than three."""
    if sum(part.change.size for part in heads) < 3:
        return None
    weights = np.concatenate([part.weight.ravel() for part in heads])
    sizes = np.abs(np.concatenate([part.change.ravel() for part in heads]))
    ranks = np.stack([_ranks(weights), _ranks(sizes)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return None
    return float(np.corrcoef(ranks)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value (N,), equal values with their mean rank.

    >>> _ranks(np.array([0.3, 0.1, 0.3])).tolist()
    [1.5, 0.0, 1.5]
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    ranks: np.ndarray = (ends - (counts + 1) / 2)[places]
    return ranks


def _checks(
    outcome: Outcome,
    heads: Sequence[HeadEffects],
    sites: Sequence[Attended],
    patch: Patch | None,
) -> list[SelfCheck]:
    checks = []
    if heads:
        counts = {each.site: len(each.weight) for each in sites}
        part = max(heads, key=lambda each: float(np.abs(each.change).max()))
        row, head = np.unravel_index(int(np.abs(part.change).argmax()), part.change.shape)
        place = Head(Site(part.part, part.layers[int(row)]), part.numbers[int(head)])
        another = change_by_hook(outcome, place, counts[place.site])
        if another is not None:
            error = abs(float(part.change[row, head]) - another)
            checks.append(SelfCheck("what-if.hook", error, 1e-4))
    if patch is not None and patch.streams:
        checks.append(SelfCheck("what-if.whole", patch.whole_error, 1e-4))
    return checks
