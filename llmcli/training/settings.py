"""Checks the settings of a run, for every way to start one, before anything heavy is imported."""

import math
from dataclasses import dataclass
from typing import Any

from llmcli.errors import UsageError
from llmcli.spec import DTYPES, ModelSpec
from llmcli.spec.training import SCHEDULES, Training
from llmcli.training.effects import require_effect


@dataclass(frozen=True, slots=True)
class Range:
    """The values that a number can have."""

    words: str
    low: float = 0.0
    high: float = math.inf
    includes_low: bool = True
    includes_high: bool = True

    def __contains__(self, value: float) -> bool:
        is_low_enough = value <= self.high if self.includes_high else value < self.high
        is_high_enough = value >= self.low if self.includes_low else value > self.low
        return is_low_enough and is_high_enough


COUNT = Range("must be 1 or more", low=1)
POSITIVE = Range("must be above 0", includes_low=False)
NOT_NEGATIVE = Range("must be 0 or more")
SHARE = Range("must be 0 or more, and less than 1", high=1, includes_high=False)

RANGES: dict[str, Range] = {
    "eval_fraction": Range("must be from 0 to 0.5", high=0.5),
    "block_size": Range("must be 2 or more", low=2),
    "mask_fraction": Range("must be above 0, and 1 at most", high=1, includes_low=False),
    **dict.fromkeys(("batch_size", "gradient_accumulation_steps", "max_steps"), COUNT),
    **dict.fromkeys(("eval_steps", "early_stopping", "save_steps", "log_steps"), COUNT),
    **dict.fromkeys(("epochs", "learning_rate"), POSITIVE),
    **dict.fromkeys(("warmup", "beta2", "label_smoothing"), SHARE),
    **dict.fromkeys(("weight_decay", "max_grad_norm"), NOT_NEGATIVE),
    "save_total_limit": Range("must be 2 or more", low=2),
    "seed": Range("must be from 0 to 4294967295", high=2**32 - 1),
}
LORA_RANGES = {"lora_rank": COUNT, "lora_alpha": POSITIVE, "lora_dropout": SHARE}
CHOICES: dict[str, tuple[str, ...]] = {
    "schedule": SCHEDULES,
    "dtype": DTYPES,
    "save_dtype": tuple(name for name in DTYPES if name != "auto"),
}


def require_valid(options: Training, model: ModelSpec | None) -> None:
    """Raise UsageError where it is not clear what is trained, or a setting has a wrong value."""
    if bool(options.train) == bool(options.parts):
        raise UsageError("give `train` FILE, or `parts` FILE")
    if model is not None and options.from_scratch is not None:
        raise UsageError("give either `model`, a checkpoint to start from, or `from_scratch`")
    if model is None and options.parts:
        raise UsageError("`parts` needs `model`, the body of all tasks")
    if options.chat_template is not None and not options.chat:
        raise UsageError("`chat_template` goes with `chat`")
    if options.from_scratch and options.adapters.lora and not options.adapters.merge:
        raise UsageError("`lora` with `from_scratch` needs `merge`: adapters are for a saved model")
    _require_ranges(options, RANGES)
    _require_ranges(options.adapters, LORA_RANGES)
    for name, choices in CHOICES.items():
        value = getattr(options, name)
        if value not in choices:
            raise UsageError(f"`{name}` {value}: use one of {', '.join(choices)}")
    require_effect(options)


def _require_ranges(options: Any, ranges: dict[str, Range]) -> None:
    for name, range_ in ranges.items():
        value = getattr(options, name)
        if value is not None and not math.isfinite(value):
            raise UsageError(f"`{name}` {value} is not a finite number")
        if value is not None and value not in range_:
            cure = "; leave it out for its default" if value in (0, -1) else ""
            raise UsageError(f"`{name}` {value}: it {range_.words}{cure}")
