"""A causal model with a fixed number of slots, each of which holds one text that is continued.

The tensors of a step never move: keys and values lie in buffers of a fixed size, and a step reads
its tokens and positions from a buffer as well. So a GPU replays a recorded step (a CUDA graph)
instead of being told each of its several hundred kernels again. A row that ends frees its slot
for the next prompt, while the other rows go on (continuous batching, Yu et al. 2022, "Orca").
"""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

from llmcli.decoding.decoder_only import CachedCausal, by_length
from llmcli.decoding.graphs import StepGraph
from llmcli.decoding.kv_cache import cache_name, may_be_joined
from llmcli.decoding.request import Request
from llmcli.decoding.unpadded import takes_padding

READ_AT_ONCE = 1 << 15  # tokens of prompts, padding included, in one pass
MOST_SLOTS = 256
ALIGNED = 8  # the fast kernels of attention want a multiple of it
WIDTHS, FEW = 128, 8
"""A step reads so many positions of each slot, or twice, four times ... as many. For up to `FEW`
slots, which are read fast, four times as many at least: a step is recorded for each number."""


def takes_slots(network: Any) -> bool:
    """True if a model can be run with slots.

    It caches keys and values of all tokens, and is told the positions of its tokens.
    """
    accepted = inspect.signature(network.forward).parameters
    return (
        "position_ids" in accepted
        and bool(cache_name(network))
        and hasattr(network.config, "num_attention_heads")
        and network.config._attn_implementation in ("sdpa", "eager")
        and takes_padding(network)
        and may_be_joined(network.config)
    )


class SlotLayer(DynamicLayer):
    """A layer of the KV cache: keys and values (S, H, L, D) of S slots, L positions each."""

    def __init__(self, keys: Tensor, values: Tensor, positions: Tensor) -> None:
        """keys, values: zeros. positions: (S,), where `update` writes, a view of the inputs."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self.keys: Tensor = keys
        self.values: Tensor = values
        self.width = keys.shape[-2]
        self._positions = positions
        self._slots = torch.arange(len(positions), device=keys.device)

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Write keys and values (S, H, 1, D); return those of the first `width` positions."""
        self.keys[self._slots, :, self._positions] = key_states[:, :, 0]
        self.values[self._slots, :, self._positions] = value_states[:, :, 0]
        return self.keys[:, :, : self.width], self.values[:, :, : self.width]

    def place(self, keys: Tensor, values: Tensor, slots: Tensor, sources: Tensor) -> None:
        """Copy keys and values (B, H, T, D) of prompts into slots (B,).

        sources: (B, T), for each position of a slot the position in `keys` that it comes from.
        """
        for held, new in ((self.keys, keys), (self.values, values)):
            index = sources[:, None, :, None].expand_as(new)
            held[slots, :, : new.shape[-2]] = new.gather(2, index)


class SlotCausal:
    """Texts in the slots of a causal model, as the state of a ContinuousLoop.

    Rows are in the order in which they were admitted. Free slots are computed along with the
    others, and their results are not read.
    """

    def __init__(self, network: Any, capacity: int, length: int) -> None:
        """network: one that takes slots. length: most tokens of a text, prompt included."""
        self._network = network
        self.capacity = capacity
        self._length = length
        self._widths = WIDTHS if capacity > FEW else 4 * WIDTHS
        device = network.device
        self._cache_name = cache_name(network)
        self._cache = DynamicCache()
        self._layers: list[SlotLayer] = []
        pin = device.type == "cuda"
        self._host = torch.zeros(2, capacity, dtype=torch.long, pin_memory=pin)
        self._next = self._host.numpy()
        self._inputs = torch.zeros(2, capacity, dtype=torch.long, device=device)
        """The token that each slot reads next, and its position."""
        self._choice = torch.zeros(2, capacity, dtype=torch.long, device=device)
        """The most probable next token of each slot, and whether its logit is finite."""
        self._logits: Tensor | None = None
        self._free = list(range(capacity))[::-1]
        self._slots: list[int] = []
        self._lengths = np.zeros(capacity, np.int64)
        self._graphs: dict[int, StepGraph] = {}

    @classmethod
    def fitting(cls, network: Any, request: Request) -> "SlotCausal":
        """With as many slots as the prompts of a request need, and half of the memory holds."""
        texts = zip(request.prompts, request.limits, strict=True)
        length = max(len(prompt) + limit for prompt, limit in texts)
        length += -length % ALIGNED
        most = min(MOST_SLOTS, len(request.prompts))
        if network.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(network.device)
            most = min(most, max(1, free // 2 // (length * _bytes_per_token(network))))
        return cls(network, most, length)

    @property
    def room(self) -> int:
        """The number of prompts that can be admitted."""
        return len(self._free)

    def admit(self, prompts: Sequence[Sequence[int]]) -> None:
        """Read prompts into free slots; they become the last rows."""
        slots = [self._free.pop() for _ in prompts]
        for part in by_length([len(prompt) for prompt in prompts], READ_AT_ONCE):
            self._read([prompts[at] for at in part], [slots[at] for at in part])
        self._slots += slots
        self._lengths[slots] = [len(prompt) for prompt in prompts]

    def logits(self) -> Tensor:
        """Next-token logits (B, V) in float32."""
        assert self._logits is not None
        return self._logits[self._slots]

    def best(self) -> tuple[list[int], bool]:
        """The most probable next token of each row; and whether those of all are finite."""
        tokens, is_finite = self._choice.tolist()
        return [tokens[slot] for slot in self._slots], all(is_finite[slot] for slot in self._slots)

    def feed(self, tokens: Sequence[int]) -> None:
        """Append one token to each row, and start to compute the next logits."""
        self._next[0, self._slots] = tokens
        self._next[1, self._slots] = self._lengths[self._slots]
        self._lengths[self._slots] += 1
        self._inputs.copy_(self._host, non_blocking=True)
        longest = int(self._lengths[self._slots].max())
        width = min(self._length, self._widths << ((longest - 1) // self._widths).bit_length())
        graph = self._graphs.setdefault(width, StepGraph(self._inputs.device))
        graph.run(lambda: self._step(width))

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, each at most once; the slots of the others become free."""
        kept = [self._slots[row] for row in rows]
        freed = set(self._slots) - set(kept)
        self._next[:, list(freed)] = 0
        self._free += sorted(freed, reverse=True)
        self._slots = kept

    def _read(self, prompts: Sequence[Sequence[int]], slots: Sequence[int]) -> None:
        """Read prompts, padded to one length, and move their keys and values into slots."""
        state = CachedCausal(self._network, prompts)
        logits = state.last_logits(1)[:, -1]  # (B, V)
        cache = state.cache
        device = logits.device
        if self._logits is None:
            self._allocate(cache)
            self._logits = logits.new_zeros(self.capacity, logits.shape[-1])
        width = max(map(len, prompts))
        padding = torch.tensor([width - len(prompt) for prompt in prompts], device=device)
        sources = (torch.arange(width, device=device) + padding[:, None]).clamp(max=width - 1)
        index = torch.tensor(slots, device=device)
        for layer, part in zip(self._layers, cache.layers, strict=True):
            layer.place(part.keys, part.values, index, sources)
        self._logits[index] = logits
        self._choice[:, index] = _choice(logits)

    def _allocate(self, cache: Any) -> None:
        """Make empty slots for all layers. cache: that of some prompts."""
        for layer in cache.layers:
            keys, values = (
                states.new_zeros(self.capacity, states.shape[1], self._length, states.shape[3])
                for states in (layer.keys, layer.values)
            )
            self._layers.append(SlotLayer(keys, values, self._inputs[1]))
        self._cache.layers = list(self._layers)

    @torch.inference_mode()
    def _step(self, width: int) -> None:
        """Read one token in each slot. Running it again writes the same values."""
        assert self._logits is not None
        tokens, positions = self._inputs
        for layer in self._layers:
            layer.width = width
        dtype = self._network.dtype
        is_later = torch.arange(width, device=tokens.device) > positions[:, None]  # (S, L)
        mask = torch.zeros_like(is_later, dtype=dtype).masked_fill_(
            is_later, torch.finfo(dtype).min
        )
        out = self._network(
            input_ids=tokens[:, None],
            position_ids=positions[:, None],
            attention_mask=mask[:, None, None],  # (S, 1, 1, L)
            use_cache=True,
            **{self._cache_name: self._cache},
        )
        self._logits.copy_(out.logits[:, -1])
        self._choice.copy_(_choice(self._logits))


def _bytes_per_token(network: Any) -> int:
    """Size of the keys and values of one token, at most: some models share them among heads."""
    config = network.config
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size: int = 2 * config.num_hidden_layers * heads * width * network.dtype.itemsize
    return size


def _choice(logits: Tensor) -> Tensor:
    """Of logits (S, V): the most probable tokens, and whether their logits are finite, (2, S)."""
    best = logits.amax(-1)  # NaN if any of them is
    return torch.stack([logits.argmax(-1), best.isfinite().long()])
