"""Beam search over token ids, with the scores and the stopping rule of transformers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import torch
from torch import Tensor

from llmcli.arrays import require_choice
from llmcli.decoding.beam_recorder import BeamRecorder
from llmcli.decoding.generation_config import EXCLUDED
from llmcli.decoding.loop import DecodingState
from llmcli.decoding.processors import Processors, Written
from llmcli.decoding.recorder import Recorder
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis
from llmcli.decoding.traces import Fate
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
    recorder: BeamRecorder | None = None
    """With `trace`: what it has looked at."""

    def results(self, count: int) -> list[Hypothesis]:
        """The best hypotheses, with their traces if the search was recorded."""
        if self.recorder is None:
            return self.finished[:count]
        tree = self.recorder.tree(count)
        return [
            replace(best, trace=self.recorder.path(node), tree=None if at else tree)
            for at, (best, node) in enumerate(zip(self.finished, tree.returned, strict=False))
        ]


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
    searches = list(_searches(request, options))
    settings = Processors(options, request.rules, request.end_tokens)
    # Extensions of a prompt that are looked at in each step: enough if some are ends.
    candidate_count = max(2, 1 + len(request.end_tokens)) * options.beams
    open_ = list(searches)
    length = 0
    while open_:
        length += 1
        logits = state.logits()
        require_choice(logits)
        scores, recorder = _scores(logits, open_, settings, length)  # (beams, V)
        kept: list[int] = []
        tokens: list[int] = []
        first = 0
        best = _best(scores, open_, candidate_count)
        for search, candidates in zip(open_, best, strict=True):
            rows = len(search.beams)
            fates = _extend(search, candidates, settings, length)
            if search.recorder is not None and recorder is not None:
                search.recorder.record(recorder, first, candidates, fates)
            if not search.done:
                kept += [first + beam.origin for beam in search.beams]
                tokens += [beam.tokens[-1] for beam in search.beams]
            first += rows
        open_ = [search for search in open_ if not search.done]
        if open_:
            state.keep(kept)
            state.feed(tokens)
    return [search.results(options.num_return_sequences) for search in searches]


def _searches(request: Request, options: Decoding) -> Iterator[_Search]:
    """The searches of a request at their beginning."""
    sources = request.prompts if request.sources is None else request.sources
    for prompt, source, limit in zip(request.prompts, sources, request.limits, strict=True):
        power = request.rules.length_penalty
        recorder = BeamRecorder(options.beams, power) if options.trace else None
        yield _Search(prompt, source, limit, recorder=recorder)


def _scores(
    logits: Tensor, searches: Sequence[_Search], settings: Processors, length: int
) -> tuple[Tensor, Recorder | None]:
    """Log-probabilities (beams, V) of the next token of each open beam; with `trace`, a record."""
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
    scores = logits
    if not (settings.rules.renormalize and settings.are_relative):  # it takes the logarithms anyway
        scores = logits.log_softmax(-1)
    count = settings.options.trace
    recorder = Recorder(logits, count, scores) if count else None
    watch = None if recorder is None else recorder.watch
    return settings.apply(scores, rows, watch) if settings.are_needed else scores, recorder


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
) -> list[Fate]:
    """Take one step: finish hypotheses, and replace the beams. Returns each candidate's fate."""
    width, ends = settings.options.beams, settings.ends
    last = length == search.limit
    is_forced = last and bool(settings.rules.forced_last)
    fates = _fates(candidates, width, ends, last)
    going = []
    for candidate, fate in zip(candidates, fates, strict=True):
        origin, token, logprob = candidate
        if fate == "kept":
            going.append(candidate)
        elif fate == "finished":
            ended = token in ends
            tokens = search.beams[origin].tokens + (() if ended else (token,))
            score = logprob / length**settings.rules.length_penalty
            search.finished.append(Hypothesis(tokens, score, ended and not is_forced))
    ranked = sorted(search.finished, key=lambda hypothesis: hypothesis.score, reverse=True)
    search.finished = ranked[:width]
    search.done = last or not going or _is_settled(search, going[0][2], settings, length)
    search.beams = [
        _Beam((*search.beams[origin].tokens, token), logprob, origin)
        for origin, token, logprob in going
    ]
    return fates


def _fates(
    candidates: Sequence[_Candidate], width: int, ends: frozenset[int], last: bool
) -> list[Fate]:
    """What becomes of the candidates of a step, best first, in a search of `width` beams.

    last: it is the last step, with which all end.
    """
    fates: list[Fate] = []
    for place, (_, token, _) in enumerate(candidates):
        if last or token in ends:
            fates.append("finished" if place < width else "dropped")
        else:
            fates.append("kept" if fates.count("kept") < width else "dropped")
    return fates


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
