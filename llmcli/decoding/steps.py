"""What a decoder writes, token by token or as a whole, whatever engine it runs on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token that could come next, with its log-probability in nats."""

    token: int
    logprob: float


@dataclass(frozen=True, slots=True)
class Step:
    """One new token of one row."""

    row: int
    token: int
    is_end: bool
    """It is an end-of-text token, and not part of the text."""
    logprob: float
    """Log-probability under the model itself, in nats, before any filter; 0 if not asked for."""
    best: tuple[TokenLogprob, ...] = ()


class StepStream(Protocol):
    """The tokens of some rows, as they are chosen."""

    @property
    def passes(self) -> int | None:
        """How often the model was run; None where that is once a token."""

    def __iter__(self) -> Iterator[Step]: ...

    def stop(self, row: int) -> None:
        """End a row before its time."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished continuation of the prompt, found by beam search."""

    tokens: tuple[int, ...]
    """New tokens, without the end-of-text token."""
    score: float
    """Sum of the log-probabilities, in nats, by the number of new tokens to the length penalty."""
    ended: bool
    """It ended with an end-of-text token, not at the limit."""


def sequence_seed(seed: int, sequence: int) -> int:
    """The seed of the n-th sequence of one prompt; the first one has the user's own."""
    if sequence == 0:
        return seed
    digest = hashlib.sha256(f"{seed}/{sequence}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
