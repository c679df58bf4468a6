"""A text that is continued with drafts from itself wherever they pay, and else token by token.

The text is that of plain decoding, which reads one token in a pass. A pass over several rounds
otherwise, in the last bits of float32. Where the choice of a token hangs on that, the end of the
text is read again as plain decoding reads it.
"""

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.kv_cache import cache_name, is_joinable, may_be_joined
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.pace import LONGEST_DRAFT, Pace
from llmcli.decoding.prompt_lookup import LONGEST_MATCH, PromptLookup
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Step
from llmcli.spec import Decoding

LOST = 0.02  # share of the time that wrong drafts may take
AT_ONCE = 0.5  # passes over one token that may be lost beyond that
IN_A_COPY = 2.0  # the same where so many tokens match that the text copies


def takes_lookup(network: Any) -> bool:
    """True if tokens at the end of a model's KV cache can be dropped and read again."""
    config = network.config
    has_heads = hasattr(config, "num_attention_heads")
    is_timed = network.device.type == "cpu"  # other devices work on when a pass returns
    return is_timed and has_heads and bool(cache_name(network)) and may_be_joined(config)


class RewindableText(CachedCausal):
    """One text that is read in passes over one token or several, and whose end can be dropped."""

    def __init__(self, network: Any, prompt: Sequence[int]) -> None:
        super().__init__(network, [prompt])

    def read(self, tokens: Sequence[int]) -> Tensor:
        """Append tokens, and read them in one pass: logits (t, V) after each of them."""
        new = torch.tensor([tokens], device=self._ids.device)  # (1, t)
        self._ids = torch.cat([self._ids, new], dim=1)
        self._mask = torch.cat([self._mask, torch.ones_like(new)], dim=1)
        self._unread = len(tokens)
        return self.last_logits(len(tokens))[0]

    def drop(self, count: int) -> None:
        """Forget the last tokens, all of which were read."""
        if count:
            self._ids, self._mask = self._ids[:, :-count], self._mask[:, :-count]
            self._cache.crop(-count)

    @property
    def can_be_dropped(self) -> bool:
        """True if `drop` brings back what was before; known once the prompt is read."""
        return is_joinable(self._cache)


class LookupState:
    """One text and its model, as a DecodingState: some steps need no forward pass."""

    def __init__(
        self,
        network: Any,
        prompt: Sequence[int],
        limit: int,
        pace: Pace,
        *,
        counts_passes: bool = False,
    ) -> None:
        """network: one that `takes_lookup`. limit: maximum number of new tokens. counts_passes:
        their number is wanted even if no draft was of use."""
        self._text = RewindableText(network, prompt)
        self._lookup, self._pace = PromptLookup(), pace
        self._ids = list(prompt)
        self._most = len(prompt) + limit
        self._draft: list[int] = []  # what is being checked
        self._guess: list[int] = []  # what might have been drafted
        self._checked: Tensor | None = None  # (D + 1, V) logits after each prefix of the draft
        self._accepted = 0
        self._exact = len(prompt)  # tokens that are in the cache as plain decoding leaves them
        self._began = time.perf_counter()
        self._saved = 0.0  # seconds; less than 0 if drafts have cost more than they saved
        self._passes, self._counts_passes = 0, counts_passes
        self.taken = 0
        """Tokens that were drafted and accepted."""

    @property
    def passes(self) -> int | None:
        """Forward passes so far; None if there was one for each token."""
        return self._passes if self.taken or self._counts_passes else None

    @property
    def is_exact(self) -> bool:
        """True if the next logits, once computed, are bit by bit those of plain decoding.

        Not asked in bfloat16 and the like, where nothing is read again.
        """
        return not self._pace.is_exact or self._exact >= len(self._ids)

    @property
    def tolerance(self) -> float:
        """How much the next logits may differ from those of plain decoding."""
        return self._pace.tolerance or 0.0

    def logits(self) -> Tensor:
        """Next-token logits (1, V) in float32 for what was fed so far."""
        if self._checked is None:
            self._passes += 1
            self._checked = self._read() if self._passes > 1 else self._text.logits()
        return self._checked[self._accepted][None]

    def feed(self, tokens: Sequence[int]) -> None:
        """Append the one token."""
        (token,) = tokens
        self._ids.append(token)
        if self._accepted < len(self._draft) and self._draft[self._accepted] == token:
            self._accepted += 1
            self.taken += 1
            return
        if not self._draft and self._guess:
            right = self._guess[0] == token
            self._pace.saw(self._lookup.matched, int(right), int(not right))
        wrong = len(self._draft) - self._accepted
        self._text.drop(wrong)
        self._exact = min(self._exact, len(self._ids) - 1)
        self._end_draft(wrong=min(1, wrong))
        self._checked = None

    def _end_draft(self, wrong: int) -> None:
        """Count what a draft was worth. wrong: 0 or 1 token of it that was seen to be wrong."""
        if self._draft:
            self._pace.saw(self._lookup.matched, self._accepted, wrong)
            self._saved += self._accepted * self._pace.seconds(1)
        self._draft, self._guess, self._accepted = [], [], 0

    def keep(self, rows: Sequence[int]) -> None:
        """Nothing to do: there is only one row."""

    def reread(self) -> None:
        """Make the next logits exact: read what is not exact so far token by token."""
        if self._exact >= len(self._ids):
            return
        began = time.perf_counter()
        before, end = self.logits(), len(self._ids)
        self._text.drop(end + len(self._draft) - self._accepted - self._exact)
        for token in self._ids[self._exact :]:
            self._checked = self._text.read([token])
            self._passes += 1
        self._exact = end
        self._end_draft(wrong=0)
        self._compare(before, self.logits())
        self._saved -= time.perf_counter() - began

    def _read(self) -> Tensor:
        """Read the last token and a draft: logits (D + 1, V)."""
        last = self._ids[-1]
        room = self._most - len(self._ids) - 1  # the pass gives one more token
        self._guess = self._lookup.draft(self._ids, max(1, min(LONGEST_DRAFT, room)))
        draft = self._guess[: self._length(room)] if self._text.can_be_dropped else []
        if draft and self._pace.tolerance is None:
            return self._try(last, draft)
        before = len(self._ids) - 1
        began = time.perf_counter()
        checked = self._text.read([last, *draft])
        seconds = time.perf_counter() - began
        self._pace.took(1 + len(draft), seconds)
        if draft:
            self._saved -= seconds - self._pace.seconds(1)
        elif self._exact == before:
            self._exact += 1
        self._draft = draft
        return checked

    def _length(self, room: int) -> int:
        single, matched = self._pace.seconds(1), self._lookup.matched
        at_once = IN_A_COPY if matched == LONGEST_MATCH else AT_ONCE
        elapsed = time.perf_counter() - self._began
        allowed = at_once * single + LOST * elapsed + self._saved
        return self._pace.draft(matched, room, allowed) if self._guess else 0

    def _try(self, last: int, draft: list[int]) -> Tensor:
        """Read a draft in one pass and token by token; compare the two, and return the latter."""
        began = time.perf_counter()
        together = self._text.read([last, *draft])
        seconds = time.perf_counter() - began
        self._pace.took(1 + len(draft), seconds)
        self._saved -= seconds
        self._text.drop(1 + len(draft))
        rows = [self._text.read([last])]
        for token in draft:
            if int(rows[-1].argmax()) != token:
                break
            rows.append(self._text.read([token]))
        self._passes += len(rows)
        checked = torch.cat(rows)
        self._compare(checked, together[: len(rows)])
        self._draft, self._exact = draft[: len(rows) - 1], self._exact + len(rows)
        self._pace.saw(self._lookup.matched, 0, int(len(rows) <= len(draft)))
        return checked

    def _compare(self, first: Tensor, second: Tensor) -> None:
        """Take note of the difference between the same logits of two passes."""
        known = first.isfinite() & second.isfinite()
        if known.any():
            first, second = first[known], second[known]
            self._pace.differed(float((first - second).abs().amax()), float(first.abs().amax()))


class LookupLoop(DecodingLoop):
    """Greedy decoding with a LookupState, whose tokens are those of plain decoding."""

    def __init__(self, state: LookupState, request: Request, options: Decoding) -> None:
        super().__init__(state, request, options)
        self._lookup = state

    def _next(self) -> list[Step]:
        state = self._lookup
        logits = state.logits()
        if not state.is_exact and self._is_close(logits):
            state.reread()
        return super()._next()

    def _is_close(self, logits: Tensor) -> bool:
        """True if rounding may decide between the two best tokens of logits (1, V)."""
        processed = self._processed(logits, None)
        best, second = processed.topk(2).values[0].tolist()
        tolerance = self._lookup.tolerance
        if processed is not logits:  # penalties are factors
            tolerance *= max(1.0, self._options.penalty, 1 / self._options.penalty)
        return not best - second > 2 * tolerance
