"""What decoding returns, whatever engine runs it: steps of one token, or whole hypotheses."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from llmcli.decoding.traces import BeamTree, TraceStep


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A possible next token with its log-probability in nats."""

    token: int
    logprob: float


@dataclass(frozen=True, slots=True)
class Step:
    """One new token of one row."""

    row: int
    token: int
    is_end: bool
    """It is an end-of-text token, which is not part of the text."""
    logprob: float
    """Log-probability under the model, in nats, before sampling filters; 0 unless requested."""
    best: tuple[TokenLogprob, ...] = ()
    """The likeliest tokens at this position, if requested."""
    is_cut: bool = False
    """The checkpoint forces an end here, where the limit is reached."""
    trace: TraceStep | None = None
    """How the token was chosen, if requested."""


class StepStream(Protocol):
    """The tokens of a batch of rows, as they are chosen."""

    @property
    def passes(self) -> int | None:
        """Number of forward passes; None if there was one for each token."""

    def __iter__(self) -> Iterator[Step]: ...

    def stop(self, row: int) -> None:
        """End a row early."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished continuation of a prompt."""

    tokens: tuple[int, ...]
    """New tokens, without the end-of-text token."""
    score: float
    """Sum of log-probabilities in nats, divided by (number of new tokens) ** length_penalty."""
    ended: bool
    """True if the model ended it with an end-of-text token; False if it was cut at the limit, even
    if the checkpoint forces an end-of-text token there."""
    trace: tuple[TraceStep, ...] | None = None
    """How each of its tokens was chosen, an end-of-text token included, if requested."""
    tree: BeamTree | None = None
    """The whole search, if requested; of the best hypothesis alone."""


def sequence_seed(seed: int, sequence: int) -> int:
    """The seed of a prompt's n-th sequence, from 0; the first one has the user's seed."""
    if sequence == 0:
        return seed
    digest = hashlib.sha256(f"{seed}/{sequence}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
