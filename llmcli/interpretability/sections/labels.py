"""Labels: what each token adds to each label of a classifier or tagger."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from llmcli.arrays import Floats
from llmcli.interpretability.gradient_pass import outputs_at
from llmcli.interpretability.outcome import Outcome, outcome_of
from llmcli.interpretability.sections import SectionResult
from llmcli.interpretability.study import Study
from llmcli.interpretability.token_attribution import (
    TokenAttribution,
    attribute_tokens,
    sum_check,
)
from llmcli.interpretability.words import words
from llmcli.spec.explain import ExplainOptions

MOST = 6
"""Labels that are attributed, the most probable ones: each takes a gradient of its own."""


@dataclass(frozen=True, slots=True)
class LabelAttribution:
    """One label, and what the tokens add to its score."""

    label: str
    """Its name."""
    logit: float
    """Its own score."""
    probability: float | None
    """Of the label; None where the model gives a number instead of labels."""
    tokens: TokenAttribution
    """What is attributed: the logit less the mean of the other labels' logits; of independent
    labels, and of a number, the logit itself."""


@dataclass(frozen=True, slots=True)
class LabelsResult(SectionResult):
    """What the tokens add to each label."""

    position: int | None
    """Of a tagger: the token whose label is explained."""
    against: bool
    """True if a label is attributed against the mean of the others."""
    names: tuple[str, ...]
    """All labels."""
    probabilities: Floats = field(metadata={"pack": "float16"})
    """(C,) of a classifier; (T, C) of a tagger."""
    best: NDArray[np.int32]
    """(): the most probable label; (T,) of a tagger."""
    attributions: tuple[LabelAttribution, ...]
    """The most probable ones first; a label that was asked for is among them."""


def reason_against(study: Study) -> str | None:
    """Why a study has no labels; None if it has."""
    if study.kind in ("classifier", "tagger"):
        return None
    return words("labels")["en"]["reason"]


def build(study: Study, options: ExplainOptions) -> LabelsResult:
    """Attribute the scores of the labels. Raises InputError for a label that there is not."""
    outcome = outcome_of(study)
    scores = outcome.baseline  # (C,)
    names = tuple(outcome.name(at) for at in range(len(scores)))
    alone = outcome.is_number or outcome.is_multi_label or len(names) < 2
    chosen = _chosen(outcome, len(names))
    tokens = attribute_tokens(study, _Scores(outcome, chosen, alone))
    logits = study.logits if study.kind == "tagger" else scores
    logs = outcome.log_probabilities(logits)
    probabilities = logs if outcome.is_number else logs.exp()
    own = probabilities[outcome.position] if study.kind == "tagger" else probabilities
    return LabelsResult(
        position=outcome.position if study.kind == "tagger" else None,
        against=not alone,
        names=names,
        probabilities=probabilities.cpu().numpy(),
        best=logits.argmax(-1).cpu().numpy().astype(np.int32),
        attributions=tuple(
            LabelAttribution(
                names[label],
                float(scores[label]),
                None if outcome.is_number else float(own[label]),
                of_label,
            )
            for label, of_label in zip(chosen, tokens, strict=True)
        ),
        checks=(sum_check("labels.gradients", tokens),),
        notes=_left_out(len(names) - len(chosen)),
    )


def _chosen(outcome: Outcome, count: int) -> list[int]:
    """The labels that are attributed: asked for, then the most probable ones."""
    options = outcome.study.options
    asked = [
        outcome.find(text, name)
        for name, text in (("target", options.target), ("foil", options.foil))
        if text is not None
    ]
    order = outcome.baseline.argsort(descending=True).tolist()
    return list(dict.fromkeys([*asked, *order]))[: min(MOST, count)]


def _left_out(number: int) -> tuple[str, ...]:
    if not number:
        return ()
    return (words("labels")["en"]["left_out"].format(count=number),)


@dataclass(frozen=True, slots=True)
class _Scores:
    """Computes what is attributed, (B, K)."""

    outcome: Outcome
    labels: list[int]
    alone: bool

    def __call__(self, copies: int) -> Tensor:
        scores = self.outcome.scores(outputs_at(self.outcome.study, None, copies))  # (B, C)
        own = scores[:, self.labels]
        if self.alone:
            return own
        others: Tensor = (scores.sum(-1, keepdim=True) - own) / (scores.shape[-1] - 1)
        return own - others
