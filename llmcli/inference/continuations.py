"""What generation returns: a continuation of a prompt, with its tokens if they are wanted."""

from dataclasses import dataclass, field
from typing import Literal

from llmcli.data.records import Record
from llmcli.data.results import Result, record_of
from llmcli.data.storable import storable
from llmcli.decoding.traces import (
    BeamNode,
    BeamTree,
    TraceCandidate,
    TraceRemoval,
    TraceRest,
    TraceStep,
)
from llmcli.spec import Overflow

for _kind in (TraceCandidate, TraceRest, TraceRemoval, TraceStep, BeamNode, BeamTree):
    storable(_kind)

FinishReason = Literal["end", "stop", "length"]


@storable
@dataclass(frozen=True, slots=True)
class TokenChance:
    """A token with its log-probability in nats, before any penalty or filter."""

    token: str
    """Readable: bytes of an incomplete character are in hexadecimal, as `<E7 9C>`."""
    id: int
    """Its id in the vocabulary."""
    logprob: float
    """In nats."""


@storable
@dataclass(frozen=True, slots=True)
class TokenStep:
    """A token of the text, with the most probable tokens at its position."""

    token: str
    """Readable: bytes of an incomplete character are in hexadecimal, as `<E7 9C>`."""
    id: int
    """Its id in the vocabulary."""
    logprob: float
    """In nats, before any penalty or filter."""
    best: tuple[TokenChance, ...]
    """The `logprobs` most probable tokens, in descending order."""


@storable
@dataclass(frozen=True, slots=True)
class Generation(Result):
    """One continuation of one prompt."""

    SOURCE = "prompt"
    prompt: str
    """The prompt, as it was given."""
    text: str
    """What the model wrote, without the prompt, ending before a stop string."""
    index: int
    """Which of the sequences of this prompt it is, from 0; with beams, 0 is the best."""
    prompt_tokens: int
    """Tokens of the prompt, those of the chat template included."""
    new_tokens: int
    """Tokens that were generated, without the end-of-text token."""
    finish_reason: FinishReason
    """end: an end-of-text token; stop: a stop string; length: no more tokens allowed."""
    seed: int | None
    """The seed of sampling; None if the text was not sampled."""
    seconds: float = field(compare=False)
    """Time since the work on its batch began."""
    score: float | None = None
    """With beams: sum of the log-probabilities of the new tokens, in nats, divided by their number
    to the power of the length penalty."""
    logprobs: tuple[TokenStep, ...] | None = None
    """Each token of the text with its alternatives; None unless `logprobs` asks for them."""
    overflow: Overflow | None = None
    """truncate: the prompt was too long, and its beginning was left out."""
    passes: int | None = field(default=None, compare=False)
    """With `assist`: how often the model was run."""
    trace: tuple[TraceStep, ...] | None = None
    """How each token was chosen, an end-of-text token included; None unless `trace` asks for it."""
    tree: BeamTree | None = None
    """With beams and `trace`: all that the search looked at; of the best text of a prompt alone."""
    capped: int | None = None
    """Where the text ended because fewer than `max_new_tokens` fit: that many. Left out of the
    record where it is None."""

    def to_dict(self) -> Record:
        """The result as JSON has it: the same for the same text, so without time and passes."""
        optional = ("logprobs", "trace", "tree", "capped")
        absent = tuple(name for name in optional if getattr(self, name) is None)
        return record_of(self, without=("seconds", "passes", *absent))
