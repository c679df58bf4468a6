"""Beam search over token ids, with the scores and the stopping rule of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import torch
from torch import Tensor

from llmcli.arrays import require_numbers
from llmcli.decoding.generation_config import FREE, GONE, Rules
from llmcli.decoding.loop import DecodingState
from llmcli.decoding.sampling import penalize, penalizes
from llmcli.decoding.steps import Hypothesis
from llmcli.spec import Decoding

_Candidate = tuple[int, int, float]  # of a search: beam, token, log-probability of the whole


@dataclass(frozen=True, slots=True)
class _Beam:
    tokens: tuple[int, ...]
    logprob: float
    origin: int = 0
    """Which beam of the step before it extends."""


@dataclass(slots=True)
class _Search:
    """The search for the continuations of one prompt."""

    prompt: Sequence[int]
    limit: int
    beams: list[_Beam] = field(default_factory=lambda: [_Beam((), 0.0)])
    finished: list[Hypothesis] = field(default_factory=list)
    done: bool = False


@torch.inference_mode()
def beam_search(
    state: DecodingState,
    prompts: Sequence[Sequence[int]],
    options: Decoding,
    *,
    limits: Sequence[int],
    end_tokens: frozenset[int],
    rules: Rules = FREE,
) -> list[list[Hypothesis]]:
    """Return the `num_return_sequences` best continuations of each prompt, best first.

    state: a model that was fed the prompts, a row each. prompts: what its decoder began with.
    At each step the `num_beams` best open beams are extended. A candidate that ends and is among
    the `num_beams` best is finished. The search stops when the best open beam, at its present
    length, scores no better than the worst of `num_beams` finished ones.
    Penalties apply to log-probabilities here, as in transformers.
    """
    searches = [_Search(prompt, limit) for prompt, limit in zip(prompts, limits, strict=True)]
    open_ = list(searches)
    length = 0
    while open_:
        length += 1
        scores = _scores(state.logits(), open_, options, rules, length, end_tokens)  # (beams, V)
        count = max(2, 1 + len(end_tokens)) * options.num_beams
        kept: list[int] = []
        tokens: list[int] = []
        first = 0
        for search, candidates in zip(open_, _best(scores, open_, count), strict=True):
            rows = len(search.beams)
            _extend(search, candidates, options.num_beams, rules, length, end_tokens)
            if not search.done:
                kept += [first + beam.origin for beam in search.beams]
                tokens += [beam.tokens[-1] for beam in search.beams]
            first += rows
        open_ = [search for search in open_ if not search.done]
        if open_:
            state.keep(kept)
            state.feed(tokens)
    return [search.finished[: options.num_return_sequences] for search in searches]


def _scores(
    logits: Tensor,
    searches: Sequence[_Search],
    options: Decoding,
    rules: Rules,
    length: int,
    ends: frozenset[int],
) -> Tensor:
    """Log-probabilities (beams, V) of the next token of each open beam."""
    pairs = [(search, beam) for search in searches for beam in search.beams]
    histories = [[*search.prompt, *beam.tokens] for search, beam in pairs]
    last = [length == search.limit for search, _ in pairs]
    if penalizes(options) or not rules.renormalize:  # which would make them once more
        logits = penalize(logits.log_softmax(-1), histories, options)
    return rules.apply(logits, histories, length=length, last=last, ends=ends)


def _best(scores: Tensor, searches: Sequence[_Search], count: int) -> list[list[_Candidate]]:
    """The best extensions of each search, best first. scores: of their beams, (beams, V)."""
    before = [beam.logprob for search in searches for beam in search.beams]
    best = scores.topk(min(count, scores.shape[-1]))  # NaN would be the best of all
    require_numbers(best.values)
    whole = best.values + torch.tensor(before, device=scores.device)[:, None]
    beams = iter(zip(best.indices.tolist(), whole.tolist(), strict=True))
    found: list[list[_Candidate]] = []
    for search in searches:
        candidates = [
            (origin, token, score)
            for origin, (tokens, values) in enumerate(islice(beams, len(search.beams)))
            for token, score in zip(tokens, values, strict=True)
            if score > GONE
        ]
        found.append(sorted(candidates, key=lambda one: -one[2])[:count])
    return found


def _extend(
    search: _Search,
    candidates: Sequence[_Candidate],
    width: int,
    rules: Rules,
    length: int,
    ends: frozenset[int],
) -> None:
    """Take one step: new beams, and what is finished."""
    last = length == search.limit
    for origin, token, logprob in candidates[:width]:
        ended = token in ends
        if ended or last:
            tokens = search.beams[origin].tokens + (() if ended else (token,))
            score = logprob / length**rules.length_penalty
            search.finished.append(Hypothesis(tokens, score, ended))
    search.finished = sorted(search.finished, key=lambda one: one.score, reverse=True)[:width]
    going = [one for one in candidates if one[1] not in ends][:width]
    search.done = last or not going or _is_settled(search, going[0][2], width, rules, length)
    search.beams = [
        _Beam((*search.beams[origin].tokens, token), logprob, origin)
        for origin, token, logprob in going
    ]


def _is_settled(search: _Search, best_open: float, width: int, rules: Rules, length: int) -> bool:
    if len(search.finished) < width:
        return False
    if rules.early_stopping is True:
        return True
    furthest = rules.early_stopping == "never" and rules.length_penalty > 0
    hoped_for = best_open / (search.limit if furthest else length) ** rules.length_penalty
    return bool(hoped_for <= search.finished[-1].score)
