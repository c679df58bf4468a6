"""Beam search over token ids, with the scores and the stopping rule of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from llmcli.core.decoding import Cached, require_numbers
from llmcli.core.filters import penalize
from llmcli.spec import DecodingSpec


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished continuation of the prompt."""

    tokens: tuple[int, ...]
    """New tokens, without the end-of-text token."""
    score: float
    """Sum of the log-probabilities, in nats, divided by the number of new tokens."""
    ended: bool
    """It ended with an end-of-text token, not at the limit."""


@dataclass(frozen=True, slots=True)
class _Beam:
    tokens: tuple[int, ...]
    logprob: float


@torch.inference_mode()
def beam_search(
    model: Any,
    prompt: Sequence[int],
    spec: DecodingSpec,
    *,
    limit: int,
    end_tokens: frozenset[int],
) -> list[Hypothesis]:
    """Return the `num_return_sequences` best continuations, best first.

    At each step the `num_beams` best open beams are extended. A candidate that ends and is among
    the `num_beams` best is finished. The search stops when the best open beam, at its present
    length, scores no better than the worst of `num_beams` finished ones.
    Penalties apply to log-probabilities here, as in transformers.
    """
    width = spec.num_beams
    cached = Cached(model, [prompt])
    beams = [_Beam((), 0.0)]
    finished: list[Hypothesis] = []
    for length in range(1, limit + 1):
        logits = cached.logits()  # (beams, V)
        require_numbers(logits)
        scores = _scores(logits, prompt, beams, spec)  # (beams, V)
        candidates = _best(scores, max(2, 1 + len(end_tokens)) * width)
        last = length == limit
        for origin, token, logprob in candidates[:width]:
            ended = token in end_tokens
            if ended or last:
                tokens = beams[origin].tokens + (() if ended else (token,))
                finished.append(Hypothesis(tokens, logprob / length, ended))
        finished = sorted(finished, key=lambda one: one.score, reverse=True)[:width]
        going = [one for one in candidates if one[1] not in end_tokens][:width]
        if last or not going or _is_settled(finished, going[0][2] / length, width):
            break
        beams = [_Beam((*beams[origin].tokens, token), logprob) for origin, token, logprob in going]
        cached.keep([origin for origin, _, _ in going])
        cached.feed([token for _, token, _ in going])
    return finished[: spec.num_return_sequences]


def _scores(
    logits: Tensor, prompt: Sequence[int], beams: Sequence[_Beam], spec: DecodingSpec
) -> Tensor:
    histories = [[*prompt, *beam.tokens] for beam in beams]
    logprobs = penalize(logits.log_softmax(-1), histories, spec)
    before = torch.tensor([beam.logprob for beam in beams], device=logits.device)
    return logprobs + before[:, None]


def _best(scores: Tensor, count: int) -> list[tuple[int, int, float]]:
    """The best extensions as (beam, token, log-probability), best first."""
    best = scores.flatten().topk(min(count, scores.numel()))
    vocabulary = scores.shape[-1]
    return [
        (index // vocabulary, index % vocabulary, value)
        for index, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        if value > float("-inf")
    ]


def _is_settled(finished: Sequence[Hypothesis], best_open: float, width: int) -> bool:
    return len(finished) == width and best_open <= finished[-1].score
