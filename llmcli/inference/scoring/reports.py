"""From the surprisal of tokens to a result: names, words, sentences, sums."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.arrays import Doubles
from llmcli.data.rows import Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError
from llmcli.inference.scoring.results import (
    Beside,
    BesideSpan,
    Score,
    ScoredKind,
    SpanScore,
    TokenScore,
    sum_of,
)
from llmcli.inference.scoring.spans import (
    Boundaries,
    Offsets,
    Span,
    common_spans,
    piece_offsets,
    sentence_boundaries,
    token_boundaries,
    word_boundaries,
)
from llmcli.spec import Overflow
from llmcli.spec.tasks import SurprisalUnit
from llmcli.tokenization.text_stream import is_byte_level, token_bytes, token_namer

MOST_NATS = 700.0  # whose exponential is still a float
NATS_OF: dict[SurprisalUnit, float] = {"nats": 1.0, "bits": math.log(2)}
"""How many nats each unit is."""
NO_FIRST = (
    "the first token has no surprisal: nothing comes before it; `bos` puts a beginning-of-text "
    "token there, if the model has one"
)
Amounts = Sequence[float | None]
"""Surprisals of tokens, in the unit that was asked for; None where nothing comes before."""


@dataclass(frozen=True, slots=True)
class TokenNats:
    """The surprisal of the tokens of a text."""

    row: Row
    ids: list[int]
    """(N,) The tokens, without special tokens before the text."""
    nats: Doubles
    """(N,) -ln p of each; NaN where nothing comes before it."""
    offsets: Offsets | None
    """The place of each token of the text itself; None if the tokenizer gives none."""
    overflow: Overflow | None
    """`window` if the text was longer than a block."""
    ends: int = 0
    """Number of special tokens at the end, which are no part of the text."""


class Reporter:
    """Makes results of the surprisals of one model."""

    def __init__(self, loaded: Loaded, kind: ScoredKind, unit: SurprisalUnit) -> None:
        self._model = loaded.checkpoint.model_id
        self._tokenizer: Any = loaded.tokenizer
        self._kind, self._unit = kind, unit
        self._name = token_namer(loaded.tokenizer)
        self._byte_level = is_byte_level(loaded.tokenizer)

    def score(self, scored: TokenNats) -> Score:
        """The result of one text."""
        return self._score(scored, self._placed(scored), None)

    def score_beside(self, scored: TokenNats, other: "Reporter", others: TokenNats) -> Score:
        """The result of one text, with that of a second model beside it.

        Raises InputError if the places of one's tokens in the text are not known.
        """
        own, second = self._placed(scored), other._placed(others)
        for reporter, tokens in ((self, own), (other, second)):
            if not tokens.boundaries:
                raise InputError(
                    f"the places of {reporter._model}'s tokens in the text are not known: it "
                    "cannot be compared with another model"
                )
        spans = _beside_spans(scored.row.text, own, second)
        total = _total(second.amounts)
        beside = Beside(
            model=other._model,
            tokens=second.tokens,
            surprisal=total,
            mean_surprisal=total / _count(second.amounts),
            difference=sum(span.difference for span in spans if span.difference is not None),
            spans=spans,
        )
        return self._score(scored, own, beside)

    def _score(self, scored: TokenNats, placed: "_Placed", beside: Beside | None) -> Score:
        text, nats = scored.row.text, float(np.nanmean(scored.nats))
        perplexity, is_masked = math.exp(min(nats, MOST_NATS)), self._kind == "masked"
        return Score(
            row=scored.row,
            text=text,
            kind=self._kind,
            unit=self._unit,
            tokens=placed.tokens,
            words=placed.spans(text, word_boundaries),
            sentences=placed.spans(text, sentence_boundaries),
            surprisal=_total(placed.amounts),
            mean_surprisal=nats / NATS_OF[self._unit],
            perplexity=None if is_masked else perplexity,
            pseudo_perplexity=perplexity if is_masked else None,
            overflow=scored.overflow,
            beside=beside,
            notes=(NO_FIRST,) if math.isnan(scored.nats[0]) else (),
        )

    def _placed(self, scored: TokenNats) -> "_Placed":
        ids, text, offsets = scored.ids, scored.row.text, scored.offsets
        inner = len(ids) - scored.ends
        if offsets is None:
            pieces = self._tokenizer.convert_ids_to_tokens(ids[:inner])
            spelled = [token_bytes(piece, self._byte_level) for piece in pieces]
            offsets = piece_offsets(spelled, text)
        places: Sequence[tuple[int | None, int | None]]
        places = [(None, None)] * inner if offsets is None else offsets
        places = [*places, *([(len(text), len(text))] * scored.ends)]
        unit = NATS_OF[self._unit]
        amounts = [None if nats != nats else nats / unit for nats in scored.nats.tolist()]
        tokens = tuple(
            TokenScore(self._name(token), token, start, end, amount)
            for token, (start, end), amount in zip(ids, places, amounts, strict=True)
        )
        boundaries = {} if offsets is None else token_boundaries(offsets, len(text))
        return _Placed(tokens, amounts, boundaries)


@dataclass(frozen=True, slots=True)
class _Placed:
    """The tokens of one text, and where they are in it."""

    tokens: tuple[TokenScore, ...]
    amounts: Amounts
    boundaries: Boundaries
    """Empty where the places of the tokens are not known."""

    def within(self, span: Span) -> Amounts:
        """The surprisals of the tokens in a span at whose edges there are boundaries."""
        return self.amounts[self.boundaries[span.start] : self.boundaries[span.end]]

    def spans(self, text: str, segment: Callable[[str], Boundaries]) -> tuple[SpanScore, ...]:
        """Words or sentences; none where the places of the tokens are not known."""
        if not self.boundaries:
            return ()
        spans = common_spans(text, self.boundaries, segment(text))
        parts = [(span.shown(text), self.within(span)) for span in spans]
        return tuple(SpanScore(*place, len(amounts), sum_of(amounts)) for place, amounts in parts)


def _beside_spans(text: str, own: _Placed, second: _Placed) -> tuple[BesideSpan, ...]:
    """The spans that both models have; after them that of their end tokens, if they have one."""
    spans = common_spans(text, own.boundaries, second.boundaries)
    parts = [(span.shown(text), own.within(span), second.within(span)) for span in spans]
    ends = [side.amounts[side.boundaries[len(text)] :] for side in (own, second)]
    if any(ends):
        parts.append((("", len(text), len(text)), ends[0], ends[1]))
    return tuple(_beside_span(*part) for part in parts)


def _beside_span(place: tuple[str, int, int], own: Amounts, second: Amounts) -> BesideSpan:
    first, other = sum_of(own), sum_of(second)
    difference = None if first is None or other is None else first - other
    return BesideSpan(*place, len(own), len(second), first, other, difference)


def _total(amounts: Amounts) -> float:
    return sum((amount for amount in amounts if amount is not None), start=0.0)


def _count(amounts: Amounts) -> int:
    return sum(amount is not None for amount in amounts)
