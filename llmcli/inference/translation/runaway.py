"""Translations that do not end: how long one may become, and where it begins to repeat itself."""

from collections.abc import Sequence
from typing import Any, Literal

Cut = Literal["length", "runaway", "repetition"]
"""Why a translation is not complete."""

GROWTH, PART_GROWTH = 8, 3
"""A translation has at most so many tokens for one of its source; that of a part of a sentence.
A model can state its own number, as `max_tokens_per_source_token` in generation_config.json. Of
90,000 pairs of Tatoeba and 49,000 of a manual, both ways, in the starter's vocabulary, one has more
than 3 times the tokens plus 10."""
EXTRA = 10
"""And so many more."""
STEP = 4
"""Lengths of sources are rounded up to a multiple: the sources of a batch have few bounds."""
REPEATS, LEAST = 3, 9
"""A text repeats itself if it ends with so many copies of the same tokens, of so many in all."""
CUT_NOTES: dict[Cut, str] = {
    "length": "a translation was cut at `max_new_tokens`",
    "runaway": "a translation did not end, and was cut: it is far longer than its sentence",
    "repetition": "a translation did not end, and was cut: it repeats itself",
}


def bound(config: Any, source: int, *, is_part: bool) -> int:
    """The maximum number of tokens of the translation of a sentence with `source` tokens.

    config: a generation config.

    >>> bound(None, 5, is_part=False)
    74
    """
    own = getattr(config, "max_tokens_per_source_token", None)
    growth = own if isinstance(own, (int, float)) and own > 0 else GROWTH
    rounded = source + -source % STEP
    return int((min(growth, PART_GROWTH) if is_part else growth) * rounded) + EXTRA


def before_repetition(tokens: Sequence[int]) -> int:
    """How many tokens come before a text begins to repeat itself without end; all if it does not.

    Of the repeated tokens, the first copy counts as before.

    >>> before_repetition([5, 7, 8, 9, 7, 8, 9, 7, 8, 9, 7])
    4
    >>> before_repetition([5, 7, 8, 9, 7, 8, 9])
    7
    """
    for period in range(1, len(tokens) // REPEATS + 1):
        start = len(tokens) - period
        while start > 0 and tokens[start - 1] == tokens[start - 1 + period]:
            start -= 1
        if len(tokens) - start >= max(REPEATS * period, LEAST):
            return start + period
    return len(tokens)
