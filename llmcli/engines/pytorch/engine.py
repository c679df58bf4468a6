"""The reference engine: a model of transformers, which does everything."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from llmcli.arrays import Bools, Floats, require_numbers
from llmcli.decoding.beam_search import beam_search
from llmcli.decoding.encoder_decoder import CachedSeq2Seq
from llmcli.decoding.loop import CachedCausal, DecodingLoop, DecodingState
from llmcli.decoding.steps import Hypothesis, StepStream
from llmcli.engines.base import Engine, Inputs, Outputs, Request
from llmcli.spec import Decoding, EngineName

LOGITS = 1 << 26  # numbers that are held at once at most
# Of two logits. Of 4,000 reviews, MiniLM's differences in bfloat16 were off by 0.07 at most.
CLOSE = 0.15


class TorchEngine:
    """Runs a model of transformers where it lies. What the methods do, `Engine` says."""

    name: EngineName = "torch"

    def __init__(self, model: Any) -> None:
        self._model = model

    @torch.inference_mode()
    def forward(self, inputs: Inputs, positions: Bools | None = None) -> Outputs:
        device = self._model.device
        tensors = {name: torch.from_numpy(ids).to(device) for name, ids in inputs.items()}
        out = self._model(**tensors)

        def taken(name: str, at: Bools | None = None) -> Any:
            found = getattr(out, name, None)
            if found is None:
                return None
            if at is not None:
                found = found[torch.from_numpy(at).to(device)]
            return found.float().cpu().numpy()

        return Outputs(
            logits=taken("logits", positions),
            hidden=taken("last_hidden_state"),
            starts=taken("start_logits"),
            ends=taken("end_logits"),
        )

    @torch.inference_mode()
    def decode(self, request: Request, options: Decoding) -> StepStream:
        return decoding_loop(self._state(request), request, options)

    @torch.inference_mode()
    def search(self, request: Request, options: Decoding) -> list[list[Hypothesis]]:
        return beam_search(
            self._state(request),
            request.prompts,
            options,
            limits=request.limits,
            end_tokens=request.end_tokens,
            rules=request.rules,
        )

    def _state(self, request: Request) -> DecodingState:
        if request.sources is None:
            return CachedCausal(self._model, request.prompts)
        pad = self._model.config.pad_token_id or 0
        return CachedSeq2Seq(self._model, request.sources, request.prompts[0], pad)

    @torch.inference_mode()
    def score(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> list[Floats]:
        starts = [len(row) - count - 1 for row, count in zip(rows, counts, strict=True)]
        most = max(map(len, rows)) - 1 - min(starts)  # places of a row whose logits are computed
        each = max(1, LOGITS // (most * self._model.config.vocab_size))
        found: list[Floats] = []
        for at in range(0, len(rows), each):
            found += self._score(rows[at : at + each], starts[at : at + each])
        return found

    def _score(self, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> list[Floats]:
        """starts: of each row, the last token before those that are scored."""
        # Each token is predicted by what is before it: the last one by the row without it. Padding
        # behind a token changes nothing of it in a causal model.
        width, first = max(map(len, rows)) - 1, min(starts)
        padded = [[*row[:-1], *[0] * (width + 1 - len(row))] for row in rows]
        inputs: dict[str, Any] = {"input_ids": torch.tensor(padded, device=self._model.device)}
        if "logits_to_keep" in inspect.signature(self._model.forward).parameters:
            inputs["logits_to_keep"] = width - first
        logits = self._model(**inputs, use_cache=False).logits[:, first - width :]  # (B, N, V)
        scores = []
        for each, row, start in zip(logits, rows, starts, strict=True):
            logprobs = each[start - first : len(row) - 1 - first].float().log_softmax(-1)  # (n, V)
            require_numbers(logprobs)
            came = torch.tensor(row[start + 1 :], device=logprobs.device)  # (n,)
            scores.append(logprobs.gather(-1, came[:, None])[:, 0].cpu().numpy())
        return scores


class RecheckedClassifier(TorchEngine):
    """A classifier in bfloat16 that decides again in float32 between labels that are close.

    So its labels are those of float32, for the price of the few texts that leave it in doubt.
    """

    def __init__(self, model: Any, exact: Engine) -> None:
        super().__init__(model)
        self._exact = exact

    def forward(self, inputs: Inputs, positions: Bools | None = None) -> Outputs:
        out = super().forward(inputs, positions)
        logits = out.logits  # (B, L)
        if logits is None or logits.shape[-1] < 2:
            return out
        second, best = np.partition(logits, -2)[:, -2:].T
        close = best - second < CLOSE
        if close.any():
            again = self._exact.forward({name: rows[close] for name, rows in inputs.items()})
            logits[close] = again.logits
        return out


def decoding_loop(state: DecodingState, request: Request, options: Decoding) -> DecodingLoop:
    """The decoding loop for a request. state: a model that was fed its prompts."""
    return DecodingLoop(
        state,
        request.prompts,
        options,
        limits=request.limits,
        seeds=request.seeds,
        end_tokens=request.end_tokens,
        rules=request.rules,
    )
