"""Greedy decoding with fewer passes: several tokens are guessed, and one pass checks them all.

The guesses that the model would have made itself are kept, and its own choice after them comes
for nothing: the text is the one of plain decoding. Source: Leviathan et al. 2023, of which
greedy decoding is the simple case; guesses from the text itself: Saxena 2023.
"""

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache

from llmcli.errors import ModelUnsuitable

LOOKUP = "lookup"
LONGEST = 3  # tokens in a row that are looked for
FIRST_GUESSES, MOST_GUESSES = 10, 20


class Drafter(Protocol):
    """What guesses how a text goes on."""

    def draft(self, ids: Sequence[int], most: int) -> list[int]:
        """At most so many tokens that may follow `ids`, a text that only grows at its end."""


class PromptLookup:
    """Guesses that a text goes on as it did where it last had the same tokens in a row."""

    def __init__(self) -> None:
        self._after: dict[tuple[int, ...], int] = {}  # where the last text after it begins
        self._known = 0

    def draft(self, ids: Sequence[int], most: int) -> list[int]:
        """What followed the last 3 tokens, else 2, else 1; what repeats goes on repeating.

        >>> PromptLookup().draft([7, 8, 9, 5, 7, 8], most=3)
        [9, 5, 7]
        >>> PromptLookup().draft([7, 8, 9], most=3)
        []
        """
        for at in range(max(1, self._known), len(ids)):
            for size in range(1, min(LONGEST, at) + 1):
                self._after[tuple(ids[at - size : at])] = at
        self._known = len(ids)
        for size in range(min(LONGEST, len(ids)), 0, -1):
            start = self._after.get(tuple(ids[-size:]))
            if start is not None:
                period = len(ids) - start
                return [ids[start + n % period] for n in range(most)]
        return []


class RewindableModel:
    """A causal model that reads one text, and can forget its end."""

    def __init__(self, model: Any) -> None:
        """Raises ModelUnsuitable where the model cannot take back what it has read."""
        self._model = model
        accepted = inspect.signature(model.forward).parameters
        self._takes_last_only = "logits_to_keep" in accepted
        self._cache = DynamicCache(config=model.config)
        if "cache" not in accepted or not self._cache.is_croppable:
            raise ModelUnsuitable(
                f"--assist: a {model.config.model_type} model cannot take back what it has read; "
                "leave it out"
            )
        self._cache.activate_past_recording()
        self.read = 0
        """How many tokens it holds."""

    def logits(self, ids: Sequence[int], count: int) -> Tensor:
        """Read the rest of a text: logits (count, V) in float32 at its last places."""
        inputs: dict[str, Any] = {"logits_to_keep": count} if self._takes_last_only else {}
        new = torch.tensor([ids[self.read :]], device=self._model.device)  # (1, T)
        out = self._model(input_ids=new, cache=self._cache, use_cache=True, **inputs)
        self.read = len(ids)
        last: Tensor = out.logits[0, -count:].float()
        return last

    def forget(self, tokens: int) -> None:
        """Take back so many tokens, all of them read since this was last called.

        To be called with 0 too: models that look back only so far then drop what lies before.
        """
        if self.read:
            self._cache.crop(-tokens)
            self.read -= tokens


class AssistedState:
    """One text and its model, as a DecodingState of the decoding loop: most steps need no pass.

    How many tokens are guessed follows from how many were right: the next guess is twice as
    long after one that was right to its end, else one token longer than what was right.
    """

    def __init__(self, model: Any, drafter: Drafter, prompt: Sequence[int], limit: int) -> None:
        """limit: new tokens allowed. Raises ModelUnsuitable for a model that cannot do this."""
        self._reader, self._drafter = RewindableModel(model), drafter
        self._ids = list(prompt)
        self._most = len(prompt) + limit
        self._guesses = FIRST_GUESSES
        self._draft: list[int] = []
        self._checked: Tensor | None = None  # (D + 1, V) logits after the draft's beginnings
        self._right = 0
        self.passes = 0
        """Of the model, over the prompt and all that was written."""

    def logits(self) -> Tensor:
        """Next-token logits (1, V) in float32 for what was fed so far."""
        if self._checked is None:
            room = self._most - len(self._ids) - 1  # the pass itself gives one more
            self._draft = self._drafter.draft(self._ids, min(self._guesses, room))
            text = [*self._ids, *self._draft]
            self._checked = self._reader.logits(text, len(self._draft) + 1)
            self._right = 0
            self.passes += 1
        return self._checked[self._right][None]

    def feed(self, tokens: Sequence[int]) -> None:
        """Append the one token."""
        (token,) = tokens
        self._ids.append(token)
        if self._right < len(self._draft) and self._draft[self._right] == token:
            self._right += 1
            return
        self._reader.forget(len(self._draft) - self._right)
        if self._draft:
            is_whole = self._right == len(self._draft)
            self._guesses = min(MOST_GUESSES, self._right * 2 if is_whole else self._right + 1)
        self._checked = None

    def keep(self, rows: Sequence[int]) -> None:
        """There is but one row, and it goes on."""
