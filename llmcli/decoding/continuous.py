"""The decoding loop for more prompts than a model holds at a time."""

from collections.abc import Sequence
from typing import Protocol

from llmcli.arrays import NotFinite
from llmcli.decoding.generation_config import Rules
from llmcli.decoding.loop import DecodingLoop, DecodingState
from llmcli.decoding.processors import Processors
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Step
from llmcli.spec import Decoding


class SlotState(DecodingState, Protocol):
    """A DecodingState that takes prompts while others are being continued."""

    capacity: int
    """Most rows at a time."""

    @property
    def room(self) -> int:
        """The number of prompts that can be admitted."""

    def admit(self, prompts: Sequence[Sequence[int]]) -> None:
        """Read prompts; they become the last rows."""

    def best(self) -> tuple[list[int], bool]:
        """The most probable next token of each row; and whether those of all are finite."""


def is_plain(options: Decoding, rules: Rules, ends: frozenset[int]) -> bool:
    """True if the most probable token is taken, and nothing else about it is asked for."""
    changes = Processors(options, rules, ends).are_needed
    return not (options.samples or options.logprobs or options.trace or changes)


ADMIT_SHARE = 8  # a prompt waits until this share of the slots is free, to be read with others


class ContinuousLoop(DecodingLoop):
    """A decoding loop in which prompts take the places of rows that have ended.

    The tokens of a row are those of DecodingLoop: they depend on its own prompt, seed and limit.
    """

    def __init__(self, state: SlotState, request: Request, options: Decoding) -> None:
        """state: without rows so far."""
        super().__init__(state, request, options)
        self._slots = state
        self._prompts = request.prompts
        # The longest texts first, so that those that are left over at the end are short.
        rows = [row for row, limit in enumerate(request.limits) if limit > 0]
        self._waiting = sorted(rows, key=lambda row: request.limits[row])
        self._rows = []
        self._is_plain = is_plain(options, request.rules, request.end_tokens)

    @property
    def running(self) -> bool:
        """True until every row has ended."""
        return bool(self._waiting) or super().running

    def _drop_ended(self) -> None:
        super()._drop_ended()
        if not self._rows:
            self._slots.keep([])
        count = min(self._slots.room, len(self._waiting))
        if count and (not self._rows or count >= self._slots.capacity // ADMIT_SHARE):
            rows = [self._waiting.pop() for _ in range(count)]
            self._slots.admit([self._prompts[row] for row in rows])
            self._rows += rows

    def _next(self) -> list[Step]:
        if not self._is_plain:
            return super()._next()
        tokens, is_finite = self._slots.best()
        if not is_finite:
            raise NotFinite
        rows = zip(self._rows, tokens, strict=True)
        return [Step(row, token, token in self._ends, 0.0) for row, token in rows]
