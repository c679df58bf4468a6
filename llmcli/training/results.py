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
    perplexity: float | None = None
    """exp of the validation loss; None where that is not a loss per token."""


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
    perplexity: float | None = None
    """exp of the validation loss; None without validation, or where it is no loss per token."""
    curves: Curves = Curves([], [])
    """Losses by step, of the whole run, those before an interruption included."""
    notes: tuple[str, ...] = ()
    """Choices that were made for the user."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        return asdict(self)


def perplexity(nats: float) -> float:
    """exp of the mean nats a token (Jelinek et al. 1977); infinite where that overflows."""
    return math.exp(nats) if nats < 700 else math.inf


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run takes. Sizes in bytes, times in seconds, tokens without padding."""

    model: str
    device: str
    dtype: str
    """Of the arithmetic."""
    parameters: int
    learnt: int
    """Parameters that change."""
    examples: int
    tokens: int
    """In all training examples."""
    validation_examples: int
    batch_size: int
    """Of a joint run, that of all tasks together."""
    gradient_accumulation_steps: int
    epochs: float
    steps_per_epoch: int
    steps: int
    tokens_per_step: float
    """The mean."""
    padding: float
    """The share of positions in a batch that hold no token."""
    steps_taken: int
    """Steps that were made for this estimate."""
    tokens_per_second: float
    """In these steps, without the first where there are more."""
    seconds: float
    """For all steps at that speed; validation and checkpoints are not counted."""
    memory: int | None
    """The most that the process, or the GPU, used; None where the system does not say."""
    checkpoint_bytes: int
    checkpoints: int
    """How many there are at once, at most."""
    model_bytes: int
    """The finished model."""

    @property
    def disk_bytes(self) -> int:
        """At most: all checkpoints that are kept, one that is being written, the model."""
        return self.checkpoint_bytes * self.checkpoints + self.model_bytes

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        return {**asdict(self), "disk_bytes": self.disk_bytes}
