"""A batch that texts join and leave between steps, each with settings of its own."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from llmcli.arrays import NotFinite
from llmcli.decoding.continuous import SlotState, is_plain
from llmcli.decoding.generation_config import NO_RULES, Rules
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.request import Request
from llmcli.decoding.steps import Step
from llmcli.spec import Decoding


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text to continue, and how."""

    prompt: Sequence[int]
    limit: int
    """Maximum number of new tokens."""
    end_tokens: frozenset[int]
    options: Decoding = field(default_factory=Decoding)
    """Greedy or sampled."""
    seed: int = 0
    rules: Rules = NO_RULES


class _Choices:
    """The logits of one row, as a DecodingState of its own loop."""

    def __init__(self) -> None:
        self.row: Tensor | None = None
        """(1, V)"""

    def logits(self) -> Tensor:
        """Next-token logits (1, V) in float32."""
        assert self.row is not None
        return self.row

    def feed(self, tokens: Sequence[int]) -> None:
        """Nothing to do: the batch feeds the model."""

    def keep(self, rows: Sequence[int]) -> None:
        """Nothing to do: there is only one row."""


class _Text:
    """A text of the batch."""

    def __init__(self, number: int, text: Continuation) -> None:
        self.number, self.text, self.left = number, text, text.limit
        self.is_plain = is_plain(text.options, text.rules, text.end_tokens)
        self._choices = _Choices()
        request = Request(
            [text.prompt], [text.limit], text.end_tokens, seeds=[text.seed], rules=text.rules
        )
        self._loop = DecodingLoop(self._choices, request, text.options)

    def chosen(self, logits: Tensor) -> Step:
        """The next token by the settings of the text. logits: (1, V)."""
        self._choices.row = logits
        (step,) = self._loop.step()
        return self._taken(replace(step, row=self.number))

    def likeliest(self, token: int) -> Step:
        """The next token of a text that takes the most probable ones."""
        return self._taken(Step(self.number, token, token in self.text.end_tokens, 0.0))

    def _taken(self, step: Step) -> Step:
        self.left = 0 if step.is_end else self.left - 1
        return step


class OpenBatch:
    """Texts that are continued together; others are admitted and removed between steps.

    The tokens of a text depend on its own prompt, settings and seed, not on its neighbours. Calls
    come from one thread.
    """

    def __init__(self, state: SlotState) -> None:
        """state: without rows so far. Each prompt with its new tokens must fit into a slot."""
        self._state = state
        self._waiting: deque[_Text] = deque()
        self._texts: list[_Text] = []
        self._count = 0

    @property
    def running(self) -> bool:
        """True if a text is being continued, or waits for a slot."""
        return bool(self._waiting or self._texts)

    def admit(self, text: Continuation) -> int:
        """Take a text, which joins as soon as a slot is free; its number is the `row` of steps."""
        self._count += 1
        if text.limit > 0:
            self._waiting.append(_Text(self._count - 1, text))
        return self._count - 1

    def remove(self, row: int) -> None:
        """End a text early; nothing happens if it has ended."""
        self._waiting = deque(text for text in self._waiting if text.number != row)
        for text in self._texts:
            if text.number == row:
                text.left = 0

    @torch.inference_mode()
    def step(self) -> list[Step]:
        """The next token of each text that has a slot; a step with its last token ends a text."""
        self._drop_ended()
        self._fill()
        if not self._texts:
            return []
        steps = self._chosen()
        self._state.feed([step.token for step in steps])
        self._drop_ended()
        return steps

    def _drop_ended(self) -> None:
        kept = [at for at, text in enumerate(self._texts) if text.left > 0]
        if len(kept) < len(self._texts):
            self._texts = [self._texts[at] for at in kept]
            self._state.keep(kept)

    def _fill(self) -> None:
        new = [self._waiting.popleft() for _ in range(min(self._state.room, len(self._waiting)))]
        if new:
            self._state.admit([text.text.prompt for text in new])
            self._texts += new

    def _chosen(self) -> list[Step]:
        tokens: list[int] = []
        logits: Tensor | None = None
        if any(text.is_plain for text in self._texts):
            tokens, is_finite = self._state.best()
            if not is_finite:
                raise NotFinite
        if not all(text.is_plain for text in self._texts):
            logits = self._state.logits()
        steps = []
        for at, text in enumerate(self._texts):
            if text.is_plain:
                steps.append(text.likeliest(tokens[at]))
            else:
                assert logits is not None
                steps.append(text.chosen(logits[at : at + 1]))
        return steps
