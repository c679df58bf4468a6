"""Layer by layer: what the model would predict after each layer, and how large its states are."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llmcli.arrays import Floats
from llmcli.interpretability.architecture import Stack, output_stack
from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.gradient_pass import outputs_at
from llmcli.interpretability.logit_lens import read_out, residual_stream
from llmcli.interpretability.outcome import Outcome, outcome_of
from llmcli.interpretability.sections import SectionResult
from llmcli.interpretability.study import Study
from llmcli.interpretability.words import words
from llmcli.spec.explain import ExplainOptions

SHOWN = 5
"""Candidates of each cell."""
TOLERANCE = 1e-5
OTHERS, EACH = 7, 4
"""Bytes of a cell, compressed: of its numbers, and of each candidate."""
AT_ONCE = 1 << 25  # logits of one pass, 128 MB


@dataclass(frozen=True, slots=True)
class LayersResult(SectionResult):
    """What each layer's states would predict; row 0 is the embedding, row i + 1 layer i."""

    whole: bool
    """True of a classifier: one prediction for the text, instead of one for each position."""
    of_tokens: bool
    """True of a language model; else the candidates are labels."""
    tokens: tuple[str, ...]
    """Readable names of the tokens that the model read, (T,)."""
    rows: NDArray[np.int32]
    """(1 + L,): 0 is the embedding, i + 1 layer i."""
    names: dict[int, str]
    """Readable names of the candidates, tokens or labels, by their ids."""
    top: NDArray[np.int32]
    """(1 + L, T, 5): ids of the most probable candidates, the first one first."""
    probability: Floats = field(metadata={"pack": "float16"})
    """(1 + L, T, 5): of these."""
    final_probability: Floats = field(metadata={"pack": "float16"})
    """(1 + L, T): of the candidate that the last layer prefers."""
    divergence: Floats = field(metadata={"pack": "float16"})
    """(1 + L, T): Kullback-Leibler divergence from the last layer's distribution, in nats."""
    norm: Floats
    """(1 + L, T): length of the states, the residual stream, before the final norm."""


def reason_against(study: Study) -> str | None:
    """Why a study has no lens; None if it has."""
    if study.kind in ("reader", "encoder"):
        return words("layers")["en"]["reason_distribution"]
    if outcome_of(study).is_number:
        return words("layers")["en"]["reason_number"]
    if output_stack(study.network) is None:
        return words("layers")["en"]["reason_blocks"]
    return None


def build(study: Study, options: ExplainOptions) -> LayersResult:
    """Read each layer's states out as the model reads the last one's."""
    stack = output_stack(study.network)
    assert stack is not None  # by reason_against
    outcome = outcome_of(study)
    states = residual_stream(stack, study.run)  # (1 + L, T, D)
    last = next(_scores(study, stack, states[-1:]))
    final = _logs(outcome, last)[0]  # (T, C)
    cells = [
        _cells(logs, final, outcome.is_multi_label)
        for scores in _scores(study, stack, states)
        for logs in _logs(outcome, scores)
    ]
    top, probability, preferred, divergence = (
        torch.stack(parts).cpu().numpy() for parts in zip(*cells, strict=True)
    )
    own = study.logits.reshape(last.shape[1:])
    error = (last[0] - own).abs().max() / own.abs().max().clamp_min(1.0)
    return LayersResult(
        whole=study.kind == "classifier",
        of_tokens=study.predicts_tokens,
        tokens=tuple(token.name for token in study.side.tokens),
        rows=np.arange(len(states), dtype=np.int32),
        names={int(entry): outcome.name(int(entry)) for entry in np.unique(top)},
        top=top.astype(np.int32),
        probability=probability,
        final_probability=preferred,
        divergence=divergence,
        norm=states.norm(dim=-1).cpu().numpy(),
        checks=(SelfCheck("layers.last", float(error), TOLERANCE),),
    )


def page_data(result: LayersResult, most: int) -> LayersResult:
    """The result in at most about `most` bytes: fewer candidates, then only some of the layers."""
    rows, tokens, count = result.top.shape
    room = 0.6 * most / max(1, rows * tokens)  # bytes of a cell, before base64 and the names
    fitting = max(1, min(count, int((room - OTHERS) / EACH)))
    step = max(1, math.ceil((OTHERS + EACH) / room))
    kept = sorted({*range(rows - 1, -1, -step), 0})
    top = result.top[kept, :, :fitting]
    return replace(
        result,
        rows=result.rows[kept],
        names={int(entry): result.names[int(entry)] for entry in np.unique(top)},
        top=top,
        probability=result.probability[kept, :, :fitting],
        final_probability=result.final_probability[kept],
        divergence=result.divergence[kept],
        norm=result.norm[kept],
    )


def _scores(study: Study, stack: Stack, states: Tensor) -> Iterator[Tensor]:
    """The scores (N, T, C) of some rows of states (1 + L, T, D) at a time; T is 1 of a classifier.

    A classifier looks for the end of each text, so that it has to be given as many texts as states.
    """
    width = study.logits.numel()
    for rows in torch.split(states, max(1, AT_ONCE // width)):
        copies = len(rows) if study.kind == "classifier" else 1
        logits = read_out(stack, rows, partial(outputs_at, study, None, copies)).logits.float()
        yield logits[:, None] if study.kind == "classifier" else logits


def _logs(outcome: Outcome, scores: Tensor) -> Tensor:
    """The logarithms of the probabilities (N, T, C)."""
    return outcome.log_probabilities(scores)


def _cells(logs: Tensor, final: Tensor, is_multi_label: bool) -> tuple[Tensor, ...]:
    """Of one layer (T, C): the best candidates, their probabilities, that of the last layer's best,
    and the divergence from the last layer."""
    best = logs.topk(min(SHOWN, logs.shape[-1]))
    preferred = logs.gather(-1, final.argmax(-1, keepdim=True))[:, 0].exp()
    divergence = (final.exp() * (final - logs)).sum(-1)
    if is_multi_label:  # each label is a distribution of its own, over yes and no
        no, final_no = ((-values.exp()).log1p() for values in (logs, final))
        divergence = divergence + (final_no.exp() * (final_no - no)).sum(-1)
    return best.indices, best.values.exp(), preferred, divergence.clamp_min(0.0)
