"""The prompts and limits of a generation, as token ids, for any engine."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmcli.decoding.generation_config import NO_RULES, Rules


@dataclass(frozen=True, slots=True)
class Request:
    """A batch of prompts to continue, as token ids."""

    prompts: Sequence[Sequence[int]]
    """For a sequence-to-sequence model: what its decoder starts from, the same in each row."""
    limits: Sequence[int]
    """Maximum number of new tokens of each row."""
    end_tokens: frozenset[int]
    seeds: Sequence[int] = ()
    """One for each row, if tokens are sampled."""
    sources: Sequence[Sequence[int]] | None = None
    """Input of the encoder of a sequence-to-sequence model."""
    rules: Rules = NO_RULES
    """What the checkpoint's generation config forces and forbids."""
    live: bool = False
    """Yield each step as soon as it is made, not when the row is finished."""
