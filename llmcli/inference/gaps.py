"""Gaps in a text, and beam search for the tokens with which a masked model fills them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.arrays import Floats, top
from llmcli.data.storable import storable
from llmcli.engines.base import GAPS
from llmcli.errors import InputError
from llmcli.inference.encoding import Window
from llmcli.tokenization.typed_text import encode_typed

LogProbs = Callable[[Sequence[Window]], list[Floats]]
"""Log-probabilities (n, V) at the n masks of each window, in nats."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """A text split at its masks."""

    parts: tuple[str, ...]
    """The text before, between and after the masks."""
    starts: tuple[int, ...]
    """Positions of the masks, in characters."""

    def filled(self, words: Sequence[str]) -> str:
        """The text with a word in place of each mask, without double spaces.

        >>> find_gaps("a [MASK].", "[MASK]").filled([" cat"])
        'a cat.'
        """
        text = self.parts[0]
        for word, part in zip(words, self.parts[1:], strict=True):
            text += (word.lstrip() if not text or text[-1].isspace() else word) + part
        return text


def find_gaps(text: str, mask: str) -> Gaps:
    """Find the masks of a text, in any accepted spelling. Raises InputError if there are none.

    mask: the mask token of the model.
    """
    pattern = re.compile("|".join(map(re.escape, dict.fromkeys((mask, *GAPS)))))
    matches = list(pattern.finditer(text))
    if not matches:
        raise InputError("the text has no gap: write [MASK] in place of each missing word")
    ends = [0, *(match.end() for match in matches)]
    starts = [match.start() for match in matches]
    parts = [text[end:start] for end, start in zip(ends, [*starts, len(text)], strict=True)]
    return Gaps(tuple(parts), tuple(starts))


def window_of_masks(windows: Sequence[Window], mask_id: int, count: int) -> Window:
    """The window that holds all `count` masks and has the most text on both sides of them.

    Raises InputError if no window holds all masks.
    """
    best: tuple[int, Window] | None = None
    for window in windows:
        masks = positions(window, mask_id)
        if len(masks) == count:
            margin = min(masks[0], window.size - masks[-1])  # tokens on the side with fewer
            if best is None or margin > best[0]:
                best = (margin, window)
    if best is None:
        raise InputError("the gaps do not fit in one input of the model: shorten the text")
    return best[1]


def positions(window: Window, mask_id: int) -> list[int]:
    """Positions of the masks in the tokens of a window."""
    return [position for position, token in enumerate(window.ids) if token == mask_id]


def with_tokens(window: Window, changes: dict[int, int]) -> Window:
    """A copy of a window with some tokens replaced. changes: token by position."""
    ids = list(window.ids)
    for position, token in changes.items():
        ids[position] = token
    return Window(ids, window.types, window.content, window.start, [])


def widened(window: Window, position: int, count: int, mask_id: int) -> Window:
    """A copy of a window with `count` masks in place of the one at `position`."""
    ids = [*window.ids[:position], *[mask_id] * count, *window.ids[position + 1 :]]
    types = window.types and [*window.types[:position], *[window.types[position]] * count]
    types = types and [*types, *window.types[position + 1 :]]
    return Window(ids, types, window.content, window.start, [])


@storable
@dataclass(frozen=True, slots=True)
class Filling:
    """A token for each mask."""

    tokens: tuple[int, ...]
    logprob: float
    """Joint log-probability of the tokens, in nats."""


def best_fillings(
    window: Window,
    first: Floats,
    logprobs: LogProbs,
    mask_id: int,
    *,
    width: int,
    allowed: Sequence[int] | None = None,
) -> list[Filling]:
    """The most probable fillings of all masks of a window, best first, at most `width`.

    Beam search of `width` beams: the masks are filled from left to right, each conditioned on the
    tokens before it; the probability of a filling is the product over its masks.
    first: log-probabilities (n, V) of the n masks before any is filled. allowed: the tokens that
    may fill a mask; None: all.
    """
    masks = positions(window, mask_id)
    beams = _best([Filling((), 0.0)], [first[0]], width, allowed)
    for _ in masks[1:]:
        partial = [
            with_tokens(window, dict(zip(masks, beam.tokens, strict=False))) for beam in beams
        ]
        beams = _best(beams, [unfilled[0] for unfilled in logprobs(partial)], width, allowed)
    return beams


def _best(
    beams: Sequence[Filling],
    next_logprobs: Sequence[Floats],
    width: int,
    allowed: Sequence[int] | None,
) -> list[Filling]:
    """Extend each filling by each allowed token, and keep the `width` most probable ones.

    next_logprobs: log-probabilities (V,) of the next mask, for each filling.
    """
    tokens = list(allowed) if allowed is not None else range(len(next_logprobs[0]))
    scores = np.stack(
        [row[list(tokens)] if allowed is not None else row for row in next_logprobs]
    )  # (beams, tokens)
    previous = np.array([beam.logprob for beam in beams], np.float32)  # (beams,)
    flat = (scores + previous[:, None]).ravel()  # (beams * tokens,)
    return [
        Filling(
            (*beams[index // len(tokens)].tokens, tokens[index % len(tokens)]), float(flat[index])
        )
        for index in top(flat, width).tolist()
    ]


def logprob_of_word(
    window: Window, position: int, tokens: Sequence[int], logprobs: LogProbs, mask_id: int
) -> float:
    """Log-probability of a word of several tokens in place of the mask at `position`, in nats.

    The mask is replaced by one mask for each token; these are filled from left to right, each
    conditioned on the tokens before it.
    """
    wide = widened(window, position, len(tokens), mask_id)
    steps = [
        with_tokens(wide, {position + offset: tokens[offset] for offset in range(step)})
        for step in range(len(tokens))
    ]
    # at each step, the masks of the gaps before this one come first, then the mask to fill
    index = sum(1 for mask in positions(window, mask_id) if mask < position)
    return sum(
        float(step_logprobs[index, token])
        for step_logprobs, token in zip(logprobs(steps), tokens, strict=True)
    )


def target_tokens(tokenizer: Any, word: str) -> list[int]:
    """The tokens of a word inside a text. Raises InputError if the vocabulary cannot spell it."""
    spellings: list[list[int]] = [
        encode_typed(tokenizer, form, add_special_tokens=False)["input_ids"]
        for form in (f" {word}", word)
    ]
    tokens = min(spellings, key=len)
    if not tokens or tokenizer.unk_token_id in tokens:
        raise InputError(f"{word!r} has no token in this model's vocabulary")
    return tokens
