"""Why this word: a target against a foil, by the parts of the model and by the tokens it read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from llmcli.arrays import Floats
from llmcli.errors import InputError
from llmcli.interpretability.architecture import output_stack
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.direct_attribution import (
    HOLDS,
    DirectAttribution,
    Level,
    NoSum,
    attribute_directly,
)
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

HEADS_HOLD = 1e-5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A token that the model may predict."""

    id: int
    """In the vocabulary."""
    name: str
    """Readable."""
    logit: float
    """At the position."""
    probability: float
    """Over the whole vocabulary."""


@dataclass(frozen=True, slots=True)
class PartAttribution:
    """What the parts of the model add to the difference of two logits: their sum is `total`.

    Where a head with an activation stands before the logits, no sum gives their difference: then
    `level` is head-input, and the states before that head are split, along the direction in which
    the difference grows fastest.
    """

    level: Level
    """What is split: the difference of the logits, or the states at the input of the head."""
    total: float
    """The model's own value of it."""
    embedding: float
    """What the embeddings, with their positions, add."""
    bias: float
    """What the model gives when nothing else is added."""
    attention: Floats
    """(L,): of each layer's self-attention."""
    cross: Floats
    """(L,): of each layer's attention to the source; empty without one."""
    mlp: Floats
    """(L,): of each layer's MLP."""
    heads: Floats
    """(L, H): of the heads of self-attention; empty where they cannot be distinguished."""
    cross_heads: Floats
    """(L, H): of the heads of the attention to the source."""
    sum: float
    """All of them together."""


@dataclass(frozen=True, slots=True)
class WhyResult(SectionResult):
    """Why the model prefers the target to the foil."""

    position: int
    """Where, in the text or target."""
    masked: bool
    """True of a masked model, which predicts the token at the position; else the one after it."""
    target: Candidate
    """What is explained."""
    foil: Candidate
    """What it is compared with."""
    difference: float
    """Of their logits."""
    parts: PartAttribution | None
    """By layer and head; None where the model is no sum of its layers."""
    no_parts: str | None
    """Why there is none: a key of this section's words."""
    tokens: TokenAttribution
    """By the tokens that the model read."""


def reason_against(study: Study) -> str | None:
    """Why there is no word to explain; None if there is one."""
    if study.predicts_tokens:
        return None
    keys = {"encoder": "reason_head", "reader": "reason_answers"}
    return words("why")["en"][keys.get(study.kind, "reason_labels")]


def build(study: Study, options: ExplainOptions) -> WhyResult:
    """Explain the difference of two logits at the study's position.

    Raises InputError for a target or foil that is not one token, or a foil that is the target.
    """
    outcome = outcome_of(study)
    target, foil = outcome.target, outcome.foil
    if foil is None:
        raise InputError(f"{study.model_id} knows one token alone: there is nothing to compare")
    logits = outcome.baseline
    chances = logits.softmax(-1)
    both = [
        Candidate(token, outcome.name(token), float(logits[token]), float(chances[token]))
        for token in (target, foil)
    ]
    run = partial(_difference, outcome, (target, foil))
    parts, no_parts, checks = _parts(study, run)
    tokens = attribute_tokens(study, run)
    return WhyResult(
        position=outcome.position,
        masked=study.kind == "masked",
        target=both[0],
        foil=both[1],
        difference=both[0].logit - both[1].logit,
        parts=parts,
        no_parts=no_parts,
        tokens=tokens[0],
        checks=(*checks, sum_check("why.gradients", tokens)),
    )


def _difference(outcome: Outcome, pair: tuple[int, int], copies: int) -> Tensor:
    """The logit of the target less that of the foil, (B, 1)."""
    outputs = outputs_at(outcome.study, outcome.position, copies)
    scores = outcome.scores(outputs, 0)  # (B, V)
    return (scores[:, pair[0]] - scores[:, pair[1]])[:, None]


def _parts(
    study: Study, run: Callable[[int], Tensor]
) -> tuple[PartAttribution | None, str | None, tuple[SelfCheck, ...]]:
    """The split by parts, or why there is none; and its checks."""
    stack = output_stack(study.network)
    if stack is None:
        return None, "shared-blocks", ()
    try:
        direct = attribute_directly(study.network, stack, lambda: run(1)[0, 0])
    except NoSum as error:
        return None, str(error), ()
    checks = [SelfCheck("why.parts", direct.error, HOLDS)]
    errors = [share.error for share in direct.shares if len(share.heads)]
    if errors:
        checks.append(SelfCheck("why.heads", max(errors), HEADS_HOLD))
    return _by_kind(direct), None, tuple(checks)


def _by_kind(direct: DirectAttribution) -> PartAttribution:
    def values(kind: str) -> Floats:
        return np.array([share.value for share in direct.shares if share.kind == kind], np.float32)

    def heads(kind: str) -> Floats:
        rows = [share.heads for share in direct.shares if share.kind == kind]
        same = {len(row) for row in rows}
        return np.array(rows if len(same) == 1 else np.zeros((0, 0)), np.float32)

    return PartAttribution(
        level=direct.level,
        total=direct.total,
        embedding=direct.embedding,
        bias=direct.bias,
        attention=values("self"),
        cross=values("cross"),
        mlp=values("mlp"),
        heads=heads("self"),
        cross_heads=heads("cross"),
        sum=direct.sum,
    )
