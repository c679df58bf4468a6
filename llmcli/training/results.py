"""What a training run reports: events while it goes, a frozen result at its end."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from llmcli.training.curves import Curves

Notify = Callable[[str], None]
"""Takes one line about a choice that was made for the user."""


@dataclass(frozen=True, slots=True)
class Note:
    """A choice that was made for the user, in one line."""

    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. Losses are in nats per item: a token, a text, the end of an answer."""

    step: int
    steps: int
    loss: float | None = None
    learning_rate: float | None = None
    tokens_per_second: float | None = None
    """Without padding, over all processes."""
    seconds_left: float | None = None
    eval_loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    """The task's own, on the validation data."""

    @property
    def eval_perplexity(self) -> float | None:
        """exp of the validation loss; None without one."""
        return None if self.eval_loss is None else perplexity(self.eval_loss)


Event = Note | Progress
OnEvent = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Finetuned:
    """A finished run."""

    output: str
    """Folder of the model."""
    parameters: int
    block_size: int
    """Tokens of the longest example."""
    train_tokens: int
    eval_tokens: int
    steps: int
    best_step: int | None
    """The step whose weights were taken; None: the last one, nothing was validated."""
    metrics: dict[str, float]
    """On the validation data, computed in float32 with the weights as stored."""
    curves: Curves = Curves([], [])
    """Losses by step, of the whole run, those before an interruption included."""
    notes: tuple[str, ...] = ()
    """Choices that were made for the user."""

    @property
    def perplexity(self) -> float | None:
        """exp of the validation loss; None without validation."""
        return perplexity(self.metrics["loss"]) if "loss" in self.metrics else None

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        return asdict(self)


def perplexity(nats: float) -> float:
    """exp of the mean nats a token (Jelinek et al. 1977); infinite where that overflows."""
    return math.exp(nats) if nats < 700 else math.inf
