"""The reference engine: a model of transformers, which supports everything."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from llmcli.arrays import Bools, Floats, require_choice
from llmcli.decoding.beam_search import beam_search
from llmcli.decoding.continuous import ContinuousLoop
from llmcli.decoding.encoder_decoder import CachedSeq2Seq
from llmcli.decoding.lookup_state import LookupLoop, LookupState, takes_lookup
from llmcli.decoding.loop import DecodingLoop, DecodingState
from llmcli.decoding.pace import Pace
from llmcli.decoding.ragged import RaggedCausal, reads_rows, takes_rows
from llmcli.decoding.request import Request
from llmcli.decoding.slots import SlotCausal, takes_slots
from llmcli.decoding.steps import Hypothesis, StepStream
from llmcli.decoding.text_config import text_setting
from llmcli.decoding.unpadded import causal_state
from llmcli.engines.base import Inputs, Outputs
from llmcli.engines.pytorch.attention import use_ragged_attention
from llmcli.engines.pytorch.encoders.rows import only, selects_tokens
from llmcli.engines.pytorch.end_pooling import by_ends, pools_ends
from llmcli.engines.pytorch.packing import is_quantized
from llmcli.spec import Decoding, EngineName

LOGITS = 1 << 26  # how many logits are held at a time


class TorchEngine:
    """Runs a torch module of transformers, on the device that it is on. Implements `Engine`."""

    name: EngineName = "torch"
    streams = 1

    def __init__(self, network: Any) -> None:
        """network: in evaluation mode."""
        self._network = network
        self._pace: Pace | None = None
        self.schedules = network.device.type == "cuda" and takes_slots(network)

    @torch.inference_mode()
    def forward(self, inputs: Inputs, positions: Bools | None = None) -> Outputs:
        """One forward pass, as `Engine.forward` describes it."""
        if not pools_ends(self._network):
            return self._forward(inputs, positions)
        parts = list(by_ends(inputs, self._network.config.eos_token_id))
        outputs = [self._forward(part, positions).logits for _, part in parts]
        order = np.concatenate([rows for rows, _ in parts]).argsort()
        return Outputs(logits=np.concatenate([np.asarray(logits) for logits in outputs])[order])

    def _forward(self, inputs: Inputs, positions: Bools | None) -> Outputs:
        device = self._network.device
        tensors = {name: torch.from_numpy(ids).to(device) for name, ids in inputs.items()}
        selects = positions is not None and selects_tokens(self._network)
        with only(torch.from_numpy(positions) if selects else None):
            out = self._network(**tensors)

        def array(name: str, mask: Bools | None = None) -> Any:
            values = getattr(out, name, None)
            if values is None:
                return None
            if mask is not None:
                values = values[torch.from_numpy(mask).to(device)]
            return values.float().cpu().numpy()

        return Outputs(
            logits=array("logits", None if selects else positions),
            hidden=array("last_hidden_state"),
            starts=array("start_logits"),
            ends=array("end_logits"),
        )

    @torch.inference_mode()
    def decode(self, request: Request, options: Decoding) -> StepStream:
        """Greedy decoding or sampling, as `Engine.decode` describes it."""
        if self.schedules and request.sources is None:
            return ContinuousLoop(SlotCausal.fitting(self._network, request), request, options)
        if self._reads_rows(request):
            return ContinuousLoop(RaggedCausal.fitting(self._network, request), request, options)
        if self._gains_by_lookup(request, options):
            return self._with_lookup(request, options)
        return DecodingLoop(self._state(request), request, options)

    def _reads_rows(self, request: Request) -> bool:
        """True if a CPU continues several prompts without padding."""
        if len(request.prompts) < 2 or request.sources is not None:
            return False
        if not takes_rows(self._network):
            return False
        use_ragged_attention()
        return reads_rows(self._network)

    def _gains_by_lookup(self, request: Request, options: Decoding) -> bool:
        """True if prompt lookup gives the text of plain decoding, perhaps sooner."""
        rules = request.rules
        return (
            len(request.prompts) == 1
            and request.sources is None
            and options.assist is None
            and not (options.samples or options.logprobs or options.trace)
            and not (rules.decay or rules.encoder_repetition_penalty != 1.0)
            and takes_lookup(self._network)
            and self.pace.is_exact
        )

    def _with_lookup(self, request: Request, options: Decoding) -> StepStream:
        (prompt,), (limit,) = request.prompts, request.limits
        is_asked = options.assist is not None
        state = LookupState(self._network, prompt, limit, self.pace, counts_passes=is_asked)
        return LookupLoop(state, request, options)

    @property
    def pace(self) -> Pace:
        """How long passes of the model take, and how often drafts are right."""
        if self._pace is None:
            is_exact = self._network.dtype is torch.float32 and not is_quantized(self._network)
            self._pace = Pace(is_exact=is_exact)
        return self._pace

    @torch.inference_mode()
    def search(self, request: Request, options: Decoding) -> list[list[Hypothesis]]:
        """Beam search, as `Engine.search` describes it."""
        return beam_search(self._state(request), request, options)

    def _state(self, request: Request) -> DecodingState:
        if request.sources is None:
            return causal_state(self._network, request.prompts)
        pad = text_setting(self._network.config, "pad_token_id") or 0
        return CachedSeq2Seq(self._network, request.sources, request.prompts[0], pad)

    @torch.inference_mode()
    def score(self, rows: Sequence[Sequence[int]], counts: Sequence[int]) -> list[Floats]:
        """Log-probabilities of tokens, as `Engine.score` describes it."""
        starts = [len(row) - count - 1 for row, count in zip(rows, counts, strict=True)]
        most = max(map(len, rows)) - 1 - min(starts)  # positions of a row that need logits
        each = max(1, LOGITS // (most * text_setting(self._network.config, "vocab_size")))
        scores: list[Floats] = []
        for at in range(0, len(rows), each):
            scores += self._score(rows[at : at + each], starts[at : at + each])
        return scores

    def _score(self, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> list[Floats]:
        """starts: for each row, the position before the first token that is scored."""
        # A token is predicted by those before it, so the last one need not be read. In a causal
        # model, padding on the right changes nothing before it.
        width, first = max(map(len, rows)) - 1, min(starts)
        padded = [[*row[:-1], *[0] * (width + 1 - len(row))] for row in rows]
        inputs: dict[str, Any] = {"input_ids": torch.tensor(padded, device=self._network.device)}
        if "logits_to_keep" in inspect.signature(self._network.forward).parameters:
            inputs["logits_to_keep"] = width - first
        logits = self._network(**inputs, use_cache=False).logits[:, first - width :]  # (B, N, V)
        scores = []
        for row_logits, row, start in zip(logits, rows, starts, strict=True):
            needed = row_logits[start - first : len(row) - 1 - first]
            logprobs = needed.float().log_softmax(-1)  # (n, V)
            require_choice(logprobs)
            tokens = torch.tensor(row[start + 1 :], device=logprobs.device)  # (n,)
            scores.append(logprobs.gather(-1, tokens[:, None])[:, 0].cpu().numpy())
        return scores
