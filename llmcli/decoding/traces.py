"""What a trace holds: how the scores of each step became one token, and the tree of a beam search.

Plain values, which need no torch. Names of settings are those of transformers' generation config.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

Namer = Callable[[int], str]
"""From the id of a token to readable text."""


@dataclass(frozen=True, slots=True)
class TraceCandidate:
    """A token that could have been next, on its way through the settings of decoding."""

    token: str
    """Readable: bytes of an incomplete character are in hexadecimal, as `<E7 9C>`."""
    id: int
    """Its id in the vocabulary."""
    rank: int
    """Its place by the model's own probability, from 1; of equals, the lower id comes first."""
    logit: float | None
    """The model's own score; None if the model itself excludes the token."""
    probability: float
    """Softmax of the model's logits over the whole vocabulary."""
    penalized: float
    """After penalties, biases, and banned or forced tokens. With beams: e to the power of the
    score, which is not normalized."""
    tempered: float
    """After the temperature as well; the same if there is none."""
    final: float
    """After all filters: with sampling, the probability with which the token is drawn."""
    removed_by: str | None = None
    """The setting that excluded it, such as `top_p`; `model` if its logit is minus infinity."""
    changed_by: tuple[str, ...] = ()
    """The settings that changed its score, such as `repetition_penalty`; not the temperature."""


@dataclass(frozen=True, slots=True)
class TraceRest:
    """The tokens that are not among the candidates shown, taken together."""

    tokens: int
    """How many they are."""
    probability: float
    """The sum of their probabilities by the model."""
    penalized: float
    """The sum after penalties."""
    tempered: float
    """The sum after the temperature."""
    final: float
    """The sum after all filters."""


@dataclass(frozen=True, slots=True)
class TraceRemoval:
    """What one setting excluded at a step."""

    name: str
    """The setting, as in generation_config.json: `top_k`, `bad_words_ids`, ..."""
    tokens: int
    """How many tokens it excluded that were possible before."""
    mass: float
    """Their probability just before."""


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step of decoding: from the model's distribution to the token that was taken."""

    token: str
    """The token that was taken, readable."""
    id: int
    """Its id in the vocabulary."""
    rank: int
    """Its place by the model's own probability, from 1."""
    final_rank: int
    """Its place in the distribution that it was taken from, from 1."""
    entropy: float
    """Of the model's distribution, in nats."""
    final_entropy: float
    """Of the distribution after all filters, in nats."""
    kept: int
    """How many tokens were possible after all filters."""
    candidates: tuple[TraceCandidate, ...]
    """The likeliest tokens by the model's own probability, and the one that was taken."""
    rest: TraceRest
    """All other tokens of the vocabulary."""
    removals: tuple[TraceRemoval, ...] = ()
    """What each setting excluded, in the order in which they apply; those that excluded nothing
    are left out."""
    uniform: float | None = None
    """With sampling: the random number from 0 to 1 that chose the token."""
    interval: tuple[float, float] | None = None
    """With sampling: the token's part of the numbers from 0 to 1, in the order of ids; `uniform`
    lies in it."""

    def named(self, name: Namer) -> "TraceStep":
        """The step with readable tokens."""
        candidates = tuple(replace(each, token=name(each.id)) for each in self.candidates)
        return replace(self, token=name(self.id), candidates=candidates)


Fate = Literal["kept", "finished", "dropped", "open"]


@dataclass(frozen=True, slots=True)
class BeamNode:
    """A continuation that a beam search looked at: a hypothesis, and one more token."""

    node: int
    """Its number, from 1."""
    parent: int
    """The number of the node that it continues; 0 is the prompt."""
    step: int
    """How many new tokens it has, from 1."""
    token: str
    """Its last token, readable."""
    id: int
    """The id of that token."""
    logprob: float
    """The score of that token after penalties, in nats."""
    total: float
    """The sum of the scores of all its tokens, in nats."""
    fate: Fate
    """kept: it was continued; finished: it ended; dropped: others were better; open: it was kept,
    and the search ended before it did."""
    score: float | None = None
    """Of a finished one: total / (number of new tokens) ** length_penalty."""
    rank: int | None = None
    """Of a finished one: its place among all that finished, from 1."""


@dataclass(frozen=True, slots=True)
class BeamTree:
    """All continuations that the beam search for a prompt looked at."""

    beams: int
    """How many were continued at each step, at most (`num_beams`)."""
    length_penalty: float
    """The power of the number of tokens by which scores are divided."""
    nodes: tuple[BeamNode, ...]
    """In the order of the steps, the best of a step first."""
    returned: tuple[int, ...]
    """The numbers of the nodes that became texts, the best first."""

    def named(self, name: Namer) -> "BeamTree":
        """The tree with readable tokens."""
        return replace(self, nodes=tuple(replace(node, token=name(node.id)) for node in self.nodes))
