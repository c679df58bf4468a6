"""Checks of decoding settings, before any model is loaded."""

import math

from llmcli.errors import UsageError
from llmcli.spec import Decoding

DEFAULT_NEW_TOKENS = 256
SAMPLING = "`temperature`, `top_k`, `top_p`, `min_p`"


RANGES: dict[str, tuple[float, float, str]] = {
    "max_new_tokens": (1, math.inf, "-1 is as many as fit"),
    "temperature": (0, math.inf, "0 is greedy"),
    "top_k": (1, math.inf, "leave it out to keep all tokens"),
    "top_p": (1e-9, 1, "leave it out to keep all tokens; `temperature`=0 takes the likeliest"),
    "min_p": (0, 1, "leave it out to keep all tokens"),
    "num_beams": (1, math.inf, "leave it out to search without beams"),
    "repetition_penalty": (1e-9, math.inf, "1 is off"),
    "no_repeat_ngram_size": (0, math.inf, "0 is off"),
    "num_return_sequences": (1, math.inf, "leave it out for one text"),
    "seed": (0, 2**63 - 1, "leave it out, or give -1, for another one each time"),
    "logprobs": (0, math.inf, "0 is off"),
    "trace": (0, math.inf, "0 is off"),
}
"""The least and the greatest value of each number, and what to give in place of another."""


def _check_ranges(options: Decoding) -> None:
    for name, (least, most, cure) in RANGES.items():
        value = getattr(options, name)
        if name == "max_new_tokens" and value == -1:
            continue
        if value is not None and not (least <= value <= most and math.isfinite(value)):
            raise UsageError(f"`{name}` {value} is out of range: {cure}")


def check_decoding(options: Decoding) -> None:
    """Raise UsageError for a number out of range, and for settings that contradict one another."""
    _check_ranges(options)
    if options.beams > 1 and options.samples:
        raise UsageError(f"`num_beams` does not sample: leave out {SAMPLING}")
    if options.beams > 1 and options.logprobs:
        raise UsageError("`logprobs` needs greedy decoding or sampling: leave out `num_beams`")
    if options.beams > 1 and options.stop:
        raise UsageError("`stop` needs greedy decoding or sampling: leave out `num_beams`")
    if "" in options.stop:
        raise UsageError("`stop` must not be an empty text")
    if options.assist is not None:
        _check_assist(options)
    several = options.num_return_sequences
    if options.beams > 1 and several > options.beams:
        raise UsageError(
            f"`num_return_sequences` {several} is more than `num_beams` {options.num_beams}"
        )
    if options.beams == 1 and several > 1 and not options.samples:
        raise UsageError(
            f"greedy decoding has one result: for `num_return_sequences` {several} add "
            f"`temperature`=0.8, or `num_beams`={several}"
        )


def _check_assist(options: Decoding) -> None:
    if not options.assist:
        raise UsageError("`assist` takes lookup, none, or the name of a smaller model")
    if options.drafter is None:
        return
    if options.samples or options.beams > 1 or options.num_return_sequences > 1:
        raise UsageError(
            f"`assist` needs greedy decoding: leave out {SAMPLING}, `num_beams` and "
            "`num_return_sequences`"
        )
