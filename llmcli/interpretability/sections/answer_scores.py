"""Answer scores: where an answer may begin and end in the text, and what the tokens add to that."""

from dataclasses import dataclass, field
from functools import partial

import torch
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


@dataclass(frozen=True, slots=True)
class EdgeScores:
    """The scores of one edge of an answer: its first or its last token."""

    position: int
    """The edge of the answer that is explained."""
    logits: Floats = field(metadata={"pack": "float16"})
    """(T,): the score of each token, the question's included."""
    probabilities: Floats = field(metadata={"pack": "float16"})
    """(T,): over the tokens of the text; 0 elsewhere."""
    tokens: TokenAttribution
    """Of the edge's logit less the mean of the text's other tokens."""


@dataclass(frozen=True, slots=True)
class AnswerScoresResult(SectionResult):
    """Where the answer is."""

    answer: str
    """The span that is explained: the most probable one, or the target."""
    probability: float
    """Of this span among all spans of the text."""
    start: EdgeScores
    """Of its first token."""
    end: EdgeScores
    """Of its last token."""
    content: tuple[int, int]
    """The positions of the text: the first, and the one behind the last."""


def reason_against(study: Study) -> str | None:
    """Why a study has no answer; None if it has one."""
    return None if study.kind == "reader" else words("answer-scores")["en"]["reason"]


def build(study: Study, options: ExplainOptions) -> AnswerScoresResult:
    """Attribute both scores of a span. Raises InputError for a target that is not in the text."""
    outcome = outcome_of(study)
    first, last = outcome.span(outcome.target)
    edges = (first, last)
    tokens = attribute_tokens(study, partial(_against_others, outcome, edges))
    content = study.reading.content
    outputs = study.outputs
    start, end = (
        EdgeScores(
            edge,
            logits[0].float().cpu().numpy(),
            _over_text(logits[0].float(), content).cpu().numpy(),
            of_edge,
        )
        for edge, logits, of_edge in zip(
            edges, (outputs.start_logits, outputs.end_logits), tokens, strict=True
        )
    )
    chances = outcome.baseline.softmax(-1)
    return AnswerScoresResult(
        answer=outcome.name(outcome.target),
        probability=float(chances[outcome.target]),
        start=start,
        end=end,
        content=(content.start, content.stop),
        checks=(sum_check("answer-scores.gradients", tokens),),
    )


def _over_text(logits: Tensor, content: range) -> Tensor:
    """Probabilities (T,) over the tokens of the text, 0 elsewhere."""
    chances = torch.zeros_like(logits)
    inside = slice(content.start, content.stop)
    chances[inside] = logits[inside].softmax(-1)
    return chances


def _against_others(outcome: Outcome, edges: tuple[int, int], copies: int) -> Tensor:
    """(B, 2): each edge's logit less the mean of the logits of the text's other tokens."""
    content = outcome.study.reading.content
    outputs = outputs_at(outcome.study, None, copies)
    differences = []
    for edge, logits in zip(edges, (outputs.start_logits, outputs.end_logits), strict=True):
        own, inside = logits[:, edge], logits[:, content.start : content.stop]
        others = (inside.sum(-1) - own) / max(1, len(content) - 1)
        differences.append(own - others)
    return torch.stack(differences, -1)
