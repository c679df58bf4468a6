"""The gaps of a text that a masked model fills, and how they are filled together."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llmcli.arrays import Floats, top
from llmcli.errors import InputError
from llmcli.inference.encoding import Window

SPELLINGS = ("[MASK]", "<mask>")  # for any model's own mask token

LogProbs = Callable[[Sequence[Window]], list[Floats]]
"""For each window, the log-probabilities (n, V) of its n masks."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """A text with masks."""

    parts: tuple[str, ...]
    """What stands before, between and after the masks."""
    starts: tuple[int, ...]
    """Where the masks stand, in characters."""

    def filled(self, words: Sequence[str]) -> str:
        """The text with words in place of the masks; no space is doubled.

        >>> find_gaps("a [MASK].", "[MASK]").filled([" cat"])
        'a cat.'
        """
        text = self.parts[0]
        for word, part in zip(words, self.parts[1:], strict=True):
            text += (word.lstrip() if not text or text[-1].isspace() else word) + part
        return text


def find_gaps(text: str, mask: str) -> Gaps:
    """Find the masks of a text, however they are spelt. Raises InputError where there is none.

    mask: the model's own mask token.
    """
    pattern = re.compile("|".join(map(re.escape, dict.fromkeys((mask, *SPELLINGS)))))
    found = list(pattern.finditer(text))
    if not found:
        raise InputError("the text has no gap: write [MASK] where a word is to be filled in")
    ends = [0, *(match.end() for match in found)]
    starts = [match.start() for match in found]
    parts = [text[end:start] for end, start in zip(ends, [*starts, len(text)], strict=True)]
    return Gaps(tuple(parts), tuple(starts))


def window_of_masks(windows: Sequence[Window], mask_id: int, count: int) -> Window:
    """The window that holds all masks, with the most text around them.

    Raises InputError where none does.
    """
    best: tuple[int, Window] | None = None
    for window in windows:
        at = positions(window, mask_id)
        if len(at) == count:
            room = min(at[0], window.size - at[-1])
            if best is None or room > best[0]:
                best = (room, window)
    if best is None:
        raise InputError("the gaps do not fit into what the model takes at once: shorten the text")
    return best[1]


def positions(window: Window, mask_id: int) -> list[int]:
    """Where the masks lie among a window's tokens."""
    return [at for at, token in enumerate(window.ids) if token == mask_id]


def with_tokens(window: Window, changes: dict[int, int]) -> Window:
    """A window with other tokens in some places."""
    ids = list(window.ids)
    for at, token in changes.items():
        ids[at] = token
    return Window(ids, window.types, window.content, window.start, [])


def widened(window: Window, at: int, count: int, mask_id: int) -> Window:
    """A window with `count` masks where it had one."""
    ids = [*window.ids[:at], *[mask_id] * count, *window.ids[at + 1 :]]
    types = window.types and [*window.types[:at], *[window.types[at]] * count]
    types = types and [*types, *window.types[at + 1 :]]
    return Window(ids, types, window.content, window.start, [])


@dataclass(frozen=True, slots=True)
class Filling:
    """A token for each mask."""

    tokens: tuple[int, ...]
    logprob: float
    """Of all of them together, in nats."""


def best_fillings(
    window: Window,
    first: Floats,
    logprobs: LogProbs,
    mask_id: int,
    *,
    width: int,
    allowed: Sequence[int] | None = None,
) -> list[Filling]:
    """The best ways to fill all masks of a window, best first, `width` of them at most.

    The masks are filled from left to right, each given those before it; the probability of a
    filling is the product. A beam of `width` fillings is kept.
    first: log-probabilities (n, V) of the masks while all are open. allowed: the only tokens
    that may fill them; None: all.
    """
    at = positions(window, mask_id)
    beams = _best([Filling((), 0.0)], [first[0]], width, allowed)
    for _ in at[1:]:
        partly = [with_tokens(window, dict(zip(at, beam.tokens, strict=False))) for beam in beams]
        beams = _best(beams, [found[0] for found in logprobs(partly)], width, allowed)
    return beams


def _best(
    beams: Sequence[Filling],
    nexts: Sequence[Floats],
    width: int,
    allowed: Sequence[int] | None,
) -> list[Filling]:
    """Extend each filling by each token, and keep the best. nexts: (V,) for each filling."""
    tokens = list(allowed) if allowed is not None else range(len(nexts[0]))
    scores = np.stack([one[list(tokens)] if allowed is not None else one for one in nexts])
    before = np.array([beam.logprob for beam in beams], np.float32)
    flat = (scores + before[:, None]).ravel()  # (beams * tokens,)
    return [
        Filling(
            (*beams[index // len(tokens)].tokens, tokens[index % len(tokens)]), float(flat[index])
        )
        for index in top(flat, width).tolist()
    ]


def logprob_of_word(
    window: Window, at: int, tokens: Sequence[int], logprobs: LogProbs, mask_id: int
) -> float:
    """Log-probability of a word of several tokens in place of one mask, in nats.

    As many masks as it has tokens are filled from left to right, each given those before it.
    """
    wide = widened(window, at, len(tokens), mask_id)
    steps = [
        with_tokens(wide, {at + before: tokens[before] for before in range(step)})
        for step in range(len(tokens))
    ]
    found = logprobs(steps)
    # of each step's masks, the one to be filled is the first that is still open at this place
    others = sum(1 for place in positions(window, mask_id) if place < at)
    return sum(float(one[others, token]) for one, token in zip(found, tokens, strict=True))


def target_tokens(tokenizer: Any, word: str) -> list[int]:
    """The tokens that spell a word in the middle of a text. Raises InputError if none do."""
    spellings: list[list[int]] = [
        tokenizer(form, add_special_tokens=False, verbose=False)["input_ids"]
        for form in (f" {word}", word)
    ]
    tokens = min(spellings, key=len)
    if not tokens or tokenizer.unk_token_id in tokens:
        raise InputError(f"{word!r} has no token in this model's vocabulary")
    return tokens
