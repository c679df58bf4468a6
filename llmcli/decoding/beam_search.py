"""Beam search over token ids, with the scores and the stopping rule of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import torch
from torch import Tensor

from llmcli.arrays import require_choice
from llmcli.decoding.generation_config import EXCLUDED
from llmcli.decoding.loop import DecodingState
from llmcli.decoding.processors import Processors, Written
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis
from llmcli.spec import Decoding

_Candidate = tuple[int, int, float]
"""An extension of a search: beam, token, log-probability of all its tokens."""


@dataclass(frozen=True, slots=True)
class _Beam:
    tokens: tuple[int, ...]
    logprob: float
    origin: int = 0
    """The beam of the step before that it extends."""


@dataclass(slots=True)
class _Search:
    """The search for the continuations of one prompt."""

    prompt: Sequence[int]
    source: Sequence[int]
    limit: int
    beams: list[_Beam] = field(default_factory=lambda: [_Beam((), 0.0)])
    finished: list[Hypothesis] = field(default_factory=list)
    done: bool = False


@torch.inference_mode()
def beam_search(
    state: DecodingState, request: Request, options: Decoding
) -> list[list[Hypothesis]]:
    """Return the `num_return_sequences` best continuations of each prompt, best first.

    state: a model that was fed the prompts, a row each.
    At each step the `num_beams` best open beams are extended. A candidate that ends and is among
    the `num_beams` best is finished. The search stops when the best open beam, at its present
    length, scores no better than the worst of `num_beams` finished ones.
    Penalties apply to log-probabilities here, as in transformers.
    """
    sources = request.prompts if request.sources is None else request.sources
    prompts = zip(request.prompts, sources, request.limits, strict=True)
    searches = [_Search(prompt, source, limit) for prompt, source, limit in prompts]
    settings = Processors(options, request.rules, request.end_tokens)
    # Extensions of a prompt that are looked at in each step: enough if some are ends.
    candidate_count = max(2, 1 + len(request.end_tokens)) * options.beams
    open_ = list(searches)
    length = 0
    while open_:
        length += 1
        logits = state.logits()
        require_choice(logits)
        scores = _scores(logits, open_, settings, length)  # (beams, V)
        kept: list[int] = []
        tokens: list[int] = []
        first = 0
        best = _best(scores, open_, candidate_count)
        for search, candidates in zip(open_, best, strict=True):
            rows = len(search.beams)
            _extend(search, candidates, settings, length)
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
    logits: Tensor, searches: Sequence[_Search], settings: Processors, length: int
) -> Tensor:
    """Log-probabilities (beams, V) of the next token of each open beam."""
    rows = [
        Written(
            [*search.prompt, *beam.tokens],
            len(search.prompt),
            search.source,
            length == search.limit,
        )
        for search in searches
        for beam in search.beams
    ]
    if not (settings.rules.renormalize and settings.are_relative):  # it takes the logarithms anyway
        logits = logits.log_softmax(-1)
    return settings.apply(logits, rows) if settings.are_needed else logits


def _best(scores: Tensor, searches: Sequence[_Search], count: int) -> list[list[_Candidate]]:
    """The best extensions of each search, best first. scores: of their beams, (beams, V)."""
    before = [beam.logprob for search in searches for beam in search.beams]
    best = scores.topk(min(count, scores.shape[-1]))
    start = torch.tensor(before, device=scores.device, dtype=torch.float32)
    totals = best.values + start[:, None]
    beams = iter(zip(best.indices.tolist(), totals.tolist(), strict=True))
    extensions: list[list[_Candidate]] = []
    for search in searches:
        candidates = [
            (origin, token, score)
            for origin, (tokens, values) in enumerate(islice(beams, len(search.beams)))
            for token, score in zip(tokens, values, strict=True)
            if score > EXCLUDED
        ]
        extensions.append(sorted(candidates, key=lambda candidate: -candidate[2])[:count])
    return extensions


def _extend(
    search: _Search, candidates: Sequence[_Candidate], settings: Processors, length: int
) -> None:
    """Take one step: finish hypotheses, and replace the beams."""
    width, ends = settings.options.beams, settings.ends
    last = length == search.limit
    is_forced = last and bool(settings.rules.forced_last)
    for origin, token, logprob in candidates[:width]:
        ended = token in ends
        if ended or last:
            tokens = search.beams[origin].tokens + (() if ended else (token,))
            score = logprob / length**settings.rules.length_penalty
            search.finished.append(Hypothesis(tokens, score, ended and not is_forced))
    ranked = sorted(search.finished, key=lambda hypothesis: hypothesis.score, reverse=True)
    search.finished = ranked[:width]
    going = [candidate for candidate in candidates if candidate[1] not in ends][:width]
    search.done = last or not going or _is_settled(search, going[0][2], settings, length)
    search.beams = [
        _Beam((*search.beams[origin].tokens, token), logprob, origin)
        for origin, token, logprob in going
    ]


def _is_settled(search: _Search, best_open: float, settings: Processors, length: int) -> bool:
    """True if no open beam can become better than the finished hypotheses."""
    rules = settings.rules
    if len(search.finished) < settings.options.beams:
        return False
    if rules.early_stopping is True:
        return True
    at_limit = rules.early_stopping == "never" and rules.length_penalty > 0
    attainable = best_open / (search.limit if at_limit else length) ** rules.length_penalty
    return bool(attainable <= search.finished[-1].score)
