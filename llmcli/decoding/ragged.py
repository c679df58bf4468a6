"""A causal model on a CPU that continues texts of any lengths together, without padding.

Prompts are read in the same passes in which other texts get their next tokens, so that the model's
products have many rows. A text that ends leaves its slot to the next prompt; no keys and values
are copied when texts come and go.
"""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from llmcli.decoding.kv_cache import cache_name
from llmcli.decoding.ragged_cache import NOW, Pass, SlotsLayer
from llmcli.decoding.request import Request
from llmcli.decoding.sampling import likeliest
from llmcli.decoding.slots import takes_slots
from llmcli.decoding.text_config import text_config, text_setting

READ_AT_ONCE = 512  # tokens of prompts in a pass: its activations stay in a processor's cache
MOST_ROWS, FEW_ROWS = 32, 4
SMALL_CACHE = 1 << 24  # numbers, 64 MB in float32, that keys and values may take in any model
LARGEST_DIFFERENCE, LARGEST_HALF_DIFFERENCE = 1e-3, 0.1  # as a share of the largest logit
CHANGING_POSITIONS = ("dynamic", "longrope")
"""Rotary positions that depend on the longest text of a batch."""


def takes_rows(network: Any) -> bool:
    """True if a model can probably be run by RaggedCausal; `reads_rows` tries it."""
    rope = getattr(text_config(network.config), "rope_parameters", None) or {}
    return (
        network.device.type == "cpu"
        and network.config._attn_implementation == "sdpa"
        and "logits_to_keep" in inspect.signature(network.forward).parameters
        and takes_slots(network)
        and rope.get("rope_type") not in CHANGING_POSITIONS
    )


_TRIED: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def reads_rows(network: Any) -> bool:
    """True if a model that takes rows gives the same logits by RaggedCausal as alone; tried once.

    Its code may compute attention otherwise than by the function that transformers registers.
    """
    if network not in _TRIED:
        try:
            _TRIED[network] = _reads_alike(network)
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
            _TRIED[network] = False
    return _TRIED[network]


@torch.inference_mode()
def _reads_alike(network: Any) -> bool:
    texts, new = [[1, 2, 3], [3, 1, 4, 1, 5]], [2, 0]
    state = RaggedCausal(network, len(texts), 6)
    state.admit(texts)
    together = [state.logits()]
    state.feed(new)
    together.append(state.logits())
    most = LARGEST_DIFFERENCE if network.dtype is torch.float32 else LARGEST_HALF_DIFFERENCE
    for row, text in enumerate(texts):
        ids = torch.tensor([[*text, new[row]]])
        alone = network(input_ids=ids, use_cache=False, logits_to_keep=2).logits[0].float()
        for logits, expected in zip(together, alone, strict=True):
            if not (logits[row] - expected).abs().amax() <= most * expected.abs().amax():
                return False
    return True


@dataclass(slots=True)
class _Row:
    """A text in a slot."""

    slot: int
    unread: list[int]
    """Its tokens that the model has not read: at first the prompt, then one token a step."""
    read: int = 0


class RaggedCausal:
    """Texts in the slots of a causal model, as the state of a ContinuousLoop.

    Rows are in the order in which they were admitted.
    """

    def __init__(self, network: Any, capacity: int, length: int) -> None:
        """network: one that takes rows. length: most tokens of a text, prompt included."""
        self._network = network
        self.capacity = capacity
        self._rows: list[_Row] = []
        self._free = list(range(capacity))[::-1]
        self._logits: Tensor | None = None
        self._cache_name = cache_name(network)
        self._cache = DynamicCache(config=network.config)
        self._cache.layers = [SlotsLayer(capacity, length) for _ in self._cache.layers]

    @classmethod
    def fitting(cls, network: Any, request: Request) -> "RaggedCausal":
        """With slots for the prompts of a request; keys and values take no more than weights do."""
        texts = zip(request.prompts, request.limits, strict=True)
        length = max(len(prompt) + limit for prompt, limit in texts)
        fitting = max(FEW_ROWS, _rows_by_memory(network.config, length))
        return cls(network, min(MOST_ROWS, fitting, len(request.prompts)), length)

    @property
    def room(self) -> int:
        """The number of prompts that can be admitted."""
        return len(self._free)

    def admit(self, prompts: Sequence[Sequence[int]]) -> None:
        """Take prompts, which are read with the next pass; they become the last rows."""
        self._rows += [_Row(self._free.pop(), list(prompt)) for prompt in prompts]

    def feed(self, tokens: Sequence[int]) -> None:
        """Append one token to each row."""
        for row, token in zip(self._rows, tokens, strict=True):
            row.unread.append(token)

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, each at most once; the slots of the others become free."""
        kept = [self._rows[row] for row in rows]
        slots = {row.slot for row in kept}
        freed = [row.slot for row in self._rows if row.slot not in slots]
        self._free = sorted([*self._free, *freed], reverse=True)
        self._rows = kept

    def best(self) -> tuple[list[int], bool]:
        """The most probable next token of each row; and whether those of all are finite."""
        tokens, highest = likeliest(self.logits())
        return tokens.tolist(), bool(highest.isfinite().all())

    def logits(self) -> Tensor:
        """Next-token logits (B, V) in float32."""
        if any(row.unread for row in self._rows):
            parts = [self._read(part) for part in self._parts()]
            logits = torch.cat([logits for logits, _ in parts]) if len(parts) > 1 else parts[0][0]
            order = [at for _, rows in parts for at in rows]
            is_ordered = order == sorted(order)
            self._logits = logits if is_ordered else logits[torch.tensor(order).argsort()]
        assert self._logits is not None
        return self._logits

    def _parts(self) -> Iterator[list[int]]:
        """The rows that are read in each pass: the texts that go on are all in the first."""
        part = [at for at, row in enumerate(self._rows) if row.read]
        tokens = 0
        for at, row in enumerate(self._rows):
            if row.read:
                continue
            if part and tokens and tokens + len(row.unread) > READ_AT_ONCE:
                yield part
                part, tokens = [], 0
            part.append(at)
            tokens += len(row.unread)
        yield part

    @torch.inference_mode()
    def _read(self, part: Sequence[int]) -> tuple[Tensor, Sequence[int]]:
        """Read the tokens of some rows in one pass: logits (b, V), and the rows they are for."""
        rows = [self._rows[at] for at in part]
        going = sorted((row for row in rows if row.read), key=lambda row: row.slot)
        prompts = [row for row in rows if not row.read]
        now = Pass.of(
            [row.slot for row in going],
            [row.read for row in going],
            [(row.slot, len(row.unread)) for row in prompts],
        )
        ids = [token for row in (*going, *prompts) for token in row.unread]
        positions = [row.read for row in going]
        positions += [place for row in prompts for place in range(len(row.unread))]
        places = {row.slot: at for at, row in enumerate(going)}
        places |= {slot: tokens.stop - 1 for slot, tokens in now.prompts}
        token = NOW.set(now)
        try:
            out = self._network(
                input_ids=torch.tensor([ids]),
                position_ids=torch.tensor([positions]),
                attention_mask=torch.ones(1, 1, 1, 1),  # of a shape that models leave alone
                use_cache=True,
                logits_to_keep=torch.tensor([places[row.slot] for row in rows]),
                **{self._cache_name: self._cache},
            )
        finally:
            NOW.reset(token)
        for row in rows:
            row.read += len(row.unread)
            row.unread = []
        logits: Tensor = out.logits[0].float()
        return logits, part


def _rows_by_memory(config: Any, length: int) -> int:
    """Texts of a length whose keys and values take as much memory as the model's weights.

    The weights are counted as 12 D^2 a layer and V D (Kaplan et al. 2020, section 2.1).
    """
    width, layers, vocabulary, heads = (
        text_setting(config, name)
        for name in ("hidden_size", "num_hidden_layers", "vocab_size", "num_attention_heads")
    )
    head = text_setting(config, "head_dim") or width // heads
    shared = text_setting(config, "num_key_value_heads") or heads
    weights = 12 * layers * width * width + vocabulary * width
    return int(max(SMALL_CACHE, weights) // (2 * layers * shared * head * length))
