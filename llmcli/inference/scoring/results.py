"""How surprising a text is to a model: the results of `score`."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from llmcli.data.records import Record
from llmcli.data.results import Result, record_of
from llmcli.inference.scoring.spans import common_spans, token_boundaries
from llmcli.spec import Overflow
from llmcli.spec.tasks import SurprisalUnit

ScoredKind = Literal["causal", "masked", "seq2seq"]
Piece = tuple[str, float | None]
"""A part of a text with its value; None where it has none."""


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token with its surprisal."""

    token: str
    """Readable, as `tokenize` shows it: bytes of an incomplete character in hexadecimal."""
    id: int
    """Its id in the vocabulary."""
    start: int | None
    """First character of the text that it covers; None if the tokenizer gives no offsets."""
    end: int | None
    """One past the last character."""
    surprisal: float | None
    """-log p; None for a first token that nothing comes before."""


@dataclass(frozen=True, slots=True)
class SpanScore:
    """A word or a sentence with its surprisal: the sum over its tokens.

    Words or sentences that a token belongs to together are one span.
    """

    text: str
    """The span, without the space around it."""
    start: int
    """Its first character."""
    end: int
    """One past the last character."""
    tokens: int
    """Number of its tokens; the space before it is part of them."""
    surprisal: float | None
    """Sum over its tokens; None if one of them has none."""


@dataclass(frozen=True, slots=True)
class BesideSpan:
    """One of the smallest spans at whose edges both models have a boundary between tokens."""

    text: str
    """The span, without the space around it."""
    start: int
    """Its first character."""
    end: int
    """One past the last character."""
    tokens: int
    """Number of its tokens for the first model."""
    beside_tokens: int
    """Number of its tokens for the second model."""
    surprisal: float | None
    """Sum over its tokens by the first model; None if one of them has none."""
    beside_surprisal: float | None
    """The same by the second model."""
    difference: float | None
    """`surprisal` - `beside_surprisal`: above 0 where the second model predicts the span better."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A second model on the same text."""

    model: str
    """Its name, as it was given."""
    tokens: tuple[TokenScore, ...]
    """Its tokens in order."""
    surprisal: float
    """Sum over its tokens."""
    mean_surprisal: float
    """Mean over its tokens; those of another vocabulary are other tokens."""
    difference: float
    """Sum of the differences of the spans."""
    spans: tuple[BesideSpan, ...]
    """The spans that both models can be compared on; together they are the text."""


@dataclass(frozen=True, slots=True)
class Score(Result):
    """How surprising a text is to a model."""

    text: str
    """The text, as it was given."""
    kind: ScoredKind
    """Causal: each token given those before it. Masked: each token given all others, the
    pseudo-log-likelihood. Seq2seq: each token given the source and those before it."""
    unit: SurprisalUnit
    """Of all surprisals: nats, -ln p; or bits, -log2 p."""
    tokens: tuple[TokenScore, ...]
    """The tokens in order, without special tokens that the text does not have; of a seq2seq model
    with the end token."""
    words: tuple[SpanScore, ...]
    """The words; empty if the tokenizer gives no offsets."""
    sentences: tuple[SpanScore, ...]
    """The sentences; empty if the tokenizer gives no offsets."""
    surprisal: float
    """Sum over the tokens that have one."""
    mean_surprisal: float
    """Mean over the tokens that have one."""
    perplexity: float | None
    """exp of the mean surprisal in nats; None of a masked model."""
    pseudo_perplexity: float | None
    """The same of the pseudo-log-likelihood of a masked model; None of others."""
    overflow: Overflow | None
    """`window` if the text was scored in overlapping blocks; None if it fits into one."""
    beside: Beside | None = None
    """A second model on the same text, with `beside`; not in the record without one."""

    def to_dict(self) -> Record:
        """The result as JSON has it; docs/results.md lists the fields."""
        return record_of(self, without=() if self.beside is not None else ("beside",))

    def pieces(self) -> list[Piece]:
        """The text in pieces, each with the surprisal of its tokens; joined, they are the text.

        Bytes of one character are one piece. Where the places of the tokens are not known, the
        pieces are their names.
        """
        if not self.words:
            return [(token.token, token.surprisal) for token in self.tokens]
        length = len(self.text)
        offsets = [(token.start or 0, token.end or 0) for token in self.tokens]
        while self.kind == "seq2seq" and offsets[-1] == (length, length):  # the end token
            offsets.pop()
        boundaries = token_boundaries(offsets, length)
        amounts = [token.surprisal for token in self.tokens]
        return [
            (self.text[start:end], sum_of(amounts[boundaries[start] : boundaries[end]]))
            for start, end in common_spans(self.text, boundaries)
        ]

    def difference_pieces(self) -> list[Piece]:
        """The spans of `beside`, each with its difference; joined, they are the text."""
        spans = self.beside.spans if self.beside is not None else ()
        ends = [0, *(span.end for span in spans)]
        parts = [self.text[start:end] for start, end in pairwise(ends)]
        pieces = [(part, span.difference) for part, span in zip(parts, spans, strict=True) if part]
        rest = self.text[ends[-1] :]
        return [*pieces, (rest, None)] if rest else pieces


def sum_of(amounts: Sequence[float | None]) -> float | None:
    """The sum over the tokens of a span; None if one has no surprisal."""
    if len(amounts) == 1:
        return amounts[0]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, start=0.0) if len(known) == len(amounts) else None
