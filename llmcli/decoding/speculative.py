"""Speculative decoding: several tokens are drafted, and one forward pass checks them all.

Drafted tokens that the model would have chosen are accepted, and the same pass gives one more:
the text is that of greedy decoding. Source: Leviathan et al. 2023, of which greedy decoding is
a special case; drafts from the text itself (prompt lookup): Saxena 2023.
"""

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache

from llmcli.decoding.kv_cache import cache_name
from llmcli.errors import ModelUnsuitable

LOOKUP = "lookup"
FIRST_DRAFT, LONGEST_DRAFT = 10, 20  # tokens


class Drafter(Protocol):
    """Drafts the continuation of a text."""

    def draft(self, ids: Sequence[int], most: int) -> list[int]:
        """At most `most` tokens that may follow `ids`, a text that only grows at its end."""


class RewindableModel:
    """A causal model with the KV cache of one text, whose end can be dropped."""

    def __init__(self, network: Any) -> None:
        """Raises ModelUnsuitable if the model's cache cannot be cropped."""
        self._network = network
        accepted = inspect.signature(network.forward).parameters
        self._takes_last_only = "logits_to_keep" in accepted
        self._cache = DynamicCache(config=network.config)
        self._cache_name = cache_name(network)
        if not self._cache_name or not self._cache.is_croppable:
            raise ModelUnsuitable(
                f"`assist`: the cache of a {network.config.model_type} model cannot be cropped; "
                "leave it out"
            )
        self._cache.activate_past_recording()
        self.read = 0
        """Number of tokens in the cache."""

    def logits(self, ids: Sequence[int], count: int) -> Tensor:
        """Read the new tokens of a text: logits (count, V) in float32 at its last positions."""
        inputs: dict[str, Any] = {"logits_to_keep": count} if self._takes_last_only else {}
        new = torch.tensor([ids[self.read :]], device=self._network.device)  # (1, T)
        inputs[self._cache_name] = self._cache
        out = self._network(input_ids=new, use_cache=True, **inputs)
        self.read = len(ids)
        last: Tensor = out.logits[0, -count:].float()
        return last

    def forget(self, tokens: int) -> None:
        """Drop the last `tokens`, all of which were read since the last call.

        Called with 0 too: models with a sliding window then drop what is outside of it.
        """
        if self.read:
            self._cache.crop(-tokens)
            self.read -= tokens


class AssistedState:
    """One text and its model, as a DecodingState: most steps need no forward pass.

    The length of a draft depends on the one before: twice that if all of it was accepted, else
    one more than what was accepted.
    """

    def __init__(self, network: Any, drafter: Drafter, prompt: Sequence[int], limit: int) -> None:
        """limit: maximum number of new tokens. Raises ModelUnsuitable as RewindableModel does."""
        self._target, self._drafter = RewindableModel(network), drafter
        self._ids = list(prompt)
        self._most = len(prompt) + limit
        self._length = FIRST_DRAFT
        self._draft: list[int] = []
        self._checked: Tensor | None = None  # (D + 1, V) logits after each prefix of the draft
        self._accepted = 0
        self.passes = 0
        """Forward passes of the model, over the prompt and the new tokens."""

    def logits(self) -> Tensor:
        """Next-token logits (1, V) in float32 for what was fed so far."""
        if self._checked is None:
            room = self._most - len(self._ids) - 1  # the pass gives one more token
            self._draft = self._drafter.draft(self._ids, min(self._length, room))
            text = [*self._ids, *self._draft]
            self._checked = self._target.logits(text, len(self._draft) + 1)
            self._accepted = 0
            self.passes += 1
        return self._checked[self._accepted][None]

    def feed(self, tokens: Sequence[int]) -> None:
        """Append the one token."""
        (token,) = tokens
        self._ids.append(token)
        if self._accepted < len(self._draft) and self._draft[self._accepted] == token:
            self._accepted += 1
            return
        self._target.forget(len(self._draft) - self._accepted)
        if self._draft:
            all_accepted = self._accepted == len(self._draft)
            length = self._accepted * 2 if all_accepted else self._accepted + 1
            self._length = min(LONGEST_DRAFT, length)
        self._checked = None

    def keep(self, rows: Sequence[int]) -> None:
        """Nothing to do: there is only one row."""
