"""The decoding loop. It knows token ids alone: no text, no tokenizer."""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from llmcli.arrays import require_numbers
from llmcli.decoding.generation_config import FREE, Rules
from llmcli.decoding.kv_cache import is_joinable, joined, may_be_joined, with_room
from llmcli.decoding.sampling import draw, narrow, penalize
from llmcli.decoding.steps import Step, TokenLogprob
from llmcli.spec import Decoding

READ_AT_ONCE = 1024  # tokens of prompts, padding included, on a CPU


class DecodingState(Protocol):
    """A model with what it was fed so far, a row for each text that is being written."""

    def logits(self) -> Tensor:
        """Next-token logits (B, V) in float32."""

    def feed(self, tokens: Sequence[int]) -> None:
        """Append one token to each row."""

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order; a row may be named more than once."""


class CachedCausal:
    """A model that is fed a batch of prompts and then one token a row at a time.

    Prompts are padded on the left: all rows end at the same place. Positions are counted from
    each row's first real token, so that padding does not change its numbers.
    """

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]]) -> None:
        accepted = inspect.signature(model.forward).parameters
        self._model = model
        self._takes_positions = "position_ids" in accepted
        self._takes_last_only = "logits_to_keep" in accepted
        self._takes_cache = "cache" in accepted
        self._cache: Any = None
        self._is_recurrent = not hasattr(model.config, "num_attention_heads")
        width = max(map(len, prompts))
        padding = [width - len(prompt) for prompt in prompts]
        rows = [[0] * pad + list(prompt) for pad, prompt in zip(padding, prompts, strict=True)]
        self._ids = torch.tensor(rows, device=model.device)  # (B, T), all tokens so far
        self._mask = torch.ones_like(self._ids)  # (B, T)
        for row, pad in enumerate(padding):
            self._mask[row, :pad] = 0
        self._is_padded = any(padding)

    def logits(self) -> Tensor:
        """Next-token logits (B, V) in float32 for what was fed so far."""
        found = self._read_in_parts() if self._cache is None else None
        return self.last_logits(1)[:, -1] if found is None else found

    def _read_in_parts(self) -> Tensor | None:
        """Read many prompts on a CPU, those of about one length together.

        So there is little padding, and what a layer makes of a part fits into the processor's
        cache. None where the prompts are few, or the model's cache cannot be put together.
        """
        lengths = self._mask.sum(-1).tolist()
        parts = list(_parts(lengths)) if self._ids.device.type == "cpu" else []
        if len(parts) < 2 or self._is_recurrent or not self._takes_cache:
            return None
        if not may_be_joined(self._model.config):
            return None
        caches, logits = [], []
        for rows in parts:
            prompts = [self._ids[row, -lengths[row] :].tolist() for row in rows]
            own = CachedCausal(self._model, prompts)
            logits.append(own.last_logits(1)[:, -1])
            if not is_joinable(own._cache):
                return None
            caches.append(own._cache)
        self._cache = joined(caches, parts, self._ids.shape[1])
        order = torch.tensor([row for rows in parts for row in rows])
        return torch.cat(logits)[order.argsort()]

    def last_logits(self, count: int) -> Tensor:
        """Logits (B, count, V) in float32 at the last places of what was not computed yet."""
        inputs: dict[str, Any] = {}
        if self._is_padded and not (self._is_recurrent and self._cache is not None):
            inputs["attention_mask"] = self._mask  # a state, unlike a cache, holds no padding
            if self._takes_positions:
                inputs["position_ids"] = (self._mask.cumsum(-1) - 1).clamp(min=0)
        ids = self._ids
        if self._cache is not None:
            ids = ids[:, -1:]  # (B, 1)
            inputs["cache"] = self._cache
            if "position_ids" in inputs:
                inputs["position_ids"] = inputs["position_ids"][:, -1:]
        if self._takes_last_only:
            inputs["logits_to_keep"] = count
        out = self._model(input_ids=ids, use_cache=True, **inputs)
        self._cache = with_room(getattr(out, "cache", None))  # None: all is computed each time
        last: Tensor = out.logits[:, -count:].float()
        return last

    def feed(self, tokens: Sequence[int]) -> None:
        """Append one token to each row."""
        column = torch.tensor(tokens, device=self._ids.device)[:, None]  # (B, 1)
        self._ids = torch.cat([self._ids, column], dim=1)
        self._mask = torch.cat([self._mask, torch.ones_like(column)], dim=1)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows, in this order; a row may be named more than once."""
        index = torch.tensor(rows, device=self._ids.device)
        self._ids, self._mask = self._ids[index], self._mask[index]
        if self._cache is not None:
            self._cache.reorder_cache(index)


def _parts(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Prompts of these lengths as rows that are read together, the longest first."""
    part: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if part and (len(part) + 1) * lengths[part[0]] > READ_AT_ONCE:
            yield part
            part = []
        part.append(row)
    yield part


class DecodingLoop:
    """Greedy decoding or sampling for a batch of prompts, one token a row at each step.

    A row leaves the batch when it ends: with an end-of-text token, with its last allowed token,
    or when the caller says so by `stop`. Its tokens depend on its own prompt, seed and limit,
    not on the other rows.
    """

    def __init__(
        self,
        state: DecodingState,
        prompts: Sequence[Sequence[int]],
        options: Decoding,
        *,
        limits: Sequence[int],
        seeds: Sequence[int],
        end_tokens: frozenset[int],
        rules: Rules = FREE,
    ) -> None:
        """state: a model that was fed the prompts. limits: new tokens allowed in each row."""
        self._state = state
        self._rules = rules
        self._length = 0
        self._options = options
        self._ends = end_tokens
        self._left = list(limits)
        self._histories = [list(prompt) for prompt in prompts]
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._rows = [row for row, limit in enumerate(limits) if limit > 0]
        if self._rows and len(self._rows) < len(prompts):
            self._state.keep(self._rows)

    @property
    def passes(self) -> int | None:
        """How often the model was run; None where that is once a token."""
        return getattr(self._state, "passes", None)

    @property
    def running(self) -> bool:
        """True while a row is not at its end."""
        return bool(self._rows)

    def __iter__(self) -> Iterator[Step]:
        """Decode to the end of every row."""
        while self.running:
            yield from self.step()

    def stop(self, row: int) -> None:
        """End a row before its time."""
        self._left[row] = 0

    @torch.inference_mode()
    def step(self) -> list[Step]:
        """Choose the next token of every row that still runs."""
        self._drop_ended()
        if not self._rows:
            return []
        self._length += 1
        logits = self._state.logits()  # (B, V)
        require_numbers(logits)
        tokens = self._choose(logits)
        steps = self._describe(logits, tokens)
        for step in steps:
            self._histories[step.row].append(step.token)
            self._left[step.row] = 0 if step.is_end else self._left[step.row] - 1
        self._state.feed(tokens)
        if not any(self._left[row] for row in self._rows):
            self._rows = []
        return steps

    def _drop_ended(self) -> None:
        kept = [at for at, row in enumerate(self._rows) if self._left[row] > 0]
        if len(kept) == len(self._rows):
            return
        self._rows = [self._rows[at] for at in kept]
        if kept:
            self._state.keep(kept)

    def _choose(self, logits: Tensor) -> list[int]:
        histories = [self._histories[row] for row in self._rows]
        logits = penalize(logits, histories, self._options)
        last = [self._left[row] == 1 for row in self._rows]
        if self._rules is not FREE:  # what the model said is described afterwards
            logits = self._rules.apply(
                logits.clone(), histories, length=self._length, last=last, ends=self._ends
            )
        if not self._options.samples:
            best: list[int] = logits.argmax(-1).tolist()
            return best
        uniforms = [
            torch.rand((), generator=self._generators[row], dtype=torch.float64).item()
            for row in self._rows
        ]
        return draw(narrow(logits, self._options), uniforms)

    def _describe(self, logits: Tensor, tokens: Sequence[int]) -> list[Step]:
        if not self._options.logprobs:
            return [
                Step(row, token, token in self._ends, 0.0)
                for row, token in zip(self._rows, tokens, strict=True)
            ]
        logprobs = logits.log_softmax(-1)  # (B, V)
        best = logprobs.topk(min(self._options.logprobs, logprobs.shape[-1]))  # (B, N)
        return [
            Step(
                row,
                token,
                token in self._ends,
                logprobs[at, token].item(),
                tuple(
                    TokenLogprob(candidate, value)
                    for candidate, value in zip(
                        best.indices[at].tolist(), best.values[at].tolist(), strict=True
                    )
                ),
            )
            for at, (row, token) in enumerate(zip(self._rows, tokens, strict=True))
        ]
