"""The decoding loop: greedy decoding and sampling on token ids."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from llmcli.arrays import require_choice
from llmcli.decoding.processors import Processors, Watch, Written
from llmcli.decoding.recorder import Recorder
from llmcli.decoding.request import Request
from llmcli.decoding.sampling import draw, filters, likeliest
from llmcli.decoding.steps import Step, TokenLogprob
from llmcli.spec import Decoding


class DecodingState(Protocol):
    """A model with the tokens it was fed so far, a row for each text that is being generated."""

    def logits(self) -> Tensor:
        """Next-token logits (B, V) in float32."""

    def feed(self, tokens: Sequence[int]) -> None:
        """Append one token to each row."""

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order; a row may occur more than once."""


class DecodingLoop:
    """Greedy decoding or sampling for a batch of prompts, one token a row at each step.

    A row leaves the batch when it ends: with an end-of-text token, at its limit, or when the
    caller says so by `stop`. Its tokens depend on its own prompt, seed and limit, not on the
    other rows.
    """

    def __init__(self, state: DecodingState, request: Request, options: Decoding) -> None:
        """state: a model that was fed the prompts of the request."""
        self._state = state
        self._processors = Processors(options, request.rules, request.end_tokens)
        self._filters = filters(options, request.rules)
        self._sources = request.prompts if request.sources is None else request.sources
        self._starts = list(map(len, request.prompts))
        self._options = options
        self._ends = request.end_tokens
        self._left = list(request.limits)
        self._histories = [list(prompt) for prompt in request.prompts]
        self._generators = [torch.Generator().manual_seed(seed) for seed in request.seeds]
        self._rows = list(range(len(request.prompts)))

    @property
    def passes(self) -> int | None:
        """Number of forward passes; None if there was one for each token."""
        return getattr(self._state, "passes", None)

    @property
    def running(self) -> bool:
        """True until every row has ended."""
        return any(self._left[row] > 0 for row in self._rows)

    def __iter__(self) -> Iterator[Step]:
        """Decode until every row has ended."""
        while self.running:
            yield from self.step()

    def stop(self, row: int) -> None:
        """End a row early."""
        self._left[row] = 0

    @torch.inference_mode()
    def step(self) -> list[Step]:
        """Choose the next token of every row that still runs."""
        self._drop_ended()
        if not self._rows:
            return []
        steps = self._next()
        for step in steps:
            self._histories[step.row].append(step.token)
            self._left[step.row] = 0 if step.is_end else self._left[step.row] - 1
        if any(self._left[row] for row in self._rows):
            self._state.feed([step.token for step in steps])
        return steps

    def _next(self) -> list[Step]:
        """The next token of each row that runs."""
        logits = self._state.logits()  # (B, V)
        require_choice(logits)
        if not self._options.trace:
            return self._describe(logits, self._choose(logits))
        recorder = Recorder(logits, self._options.trace)
        steps = self._describe(logits, self._choose(logits, recorder))
        return [replace(step, trace=recorder.step(at, step.token)) for at, step in enumerate(steps)]

    def _drop_ended(self) -> None:
        kept = [at for at, row in enumerate(self._rows) if self._left[row] > 0]
        if len(kept) == len(self._rows):
            return
        self._rows = [self._rows[at] for at in kept]
        if kept:
            self._state.keep(kept)

    def _choose(self, logits: Tensor, recorder: Recorder | None = None) -> list[int]:
        """A token for each row of logits (B, V); the recorder is told of each change to them."""
        watch = None if recorder is None else recorder.watch
        logits = self._processed(logits, watch)  # the steps report the model's own logits
        if not self._options.samples:
            best: list[int] = likeliest(logits)[0].tolist()
            return best
        for name, change in self._filters:
            logits = change(logits)
            if watch is not None:
                watch(name, logits)
        uniforms = [
            torch.rand((), generator=self._generators[row], dtype=torch.float64).item()
            for row in self._rows
        ]
        if recorder is not None:
            recorder.uniforms = uniforms
        return draw(logits, uniforms)

    def _processed(self, logits: Tensor, watch: Watch | None) -> Tensor:
        """Logits (B, V) after penalties, and what the checkpoint forces and forbids."""
        if not self._processors.are_needed:
            return logits
        return self._processors.apply(logits, [self._written(row) for row in self._rows], watch)

    def _written(self, row: int) -> Written:
        is_last = self._left[row] == 1
        return Written(self._histories[row], self._starts[row], self._sources[row], is_last)

    def _is_cut(self, row: int) -> bool:
        """True if the next token of a row is forced to be an end."""
        return bool(self._processors.rules.forced_last) and self._left[row] == 1

    def _describe(self, logits: Tensor, tokens: Sequence[int]) -> list[Step]:
        rows = list(zip(self._rows, tokens, strict=True))
        if not self._options.logprobs:
            return [
                Step(row, token, token in self._ends, 0.0, is_cut=self._is_cut(row))
                for row, token in rows
            ]
        logprobs = logits.log_softmax(-1)  # (B, V)
        best = logprobs.topk(min(self._options.logprobs, logprobs.shape[-1]))  # (B, N)
        steps = []
        for at, (row, token) in enumerate(rows):
            likeliest = zip(best.indices[at].tolist(), best.values[at].tolist(), strict=True)
            steps.append(
                Step(
                    row,
                    token,
                    token in self._ends,
                    logprobs[at, token].item(),
                    tuple(TokenLogprob(candidate, logprob) for candidate, logprob in likeliest),
                    self._is_cut(row),
                )
            )
        return steps
