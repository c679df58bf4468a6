"""One layer of an encoder over rows without padding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from llmcli.engines.pytorch.encoders.attention import Attend, Positions, attention
from llmcli.engines.pytorch.encoders.linear import Linear, in_place
from llmcli.engines.pytorch.encoders.parts import Activation, Parts, Shape
from llmcli.engines.pytorch.encoders.rows import Layout
from llmcli.engines.pytorch.encoders.varlen import Varlen, attention_of_texts

MakeLinear = Callable[[Tensor, "Tensor | None", "Activation | None"], Linear]
"""A linear layer of a weight (M, K), a bias (M,) and an activation."""

CHUNK = 1024
"""Rows of the feed-forward network at a time on a CPU: its states, the widest, fit its cache."""


class LayerKernels(Protocol):
    """What computes linear layers and attention."""

    @property
    def linear(self) -> MakeLinear:
        """Makes a linear layer."""

    @property
    def attend(self) -> Attend:
        """Attention within texts of the same length."""

    @property
    def varlen(self) -> Varlen | None:
        """In place of `attend`: attention within all texts of a batch at once."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows whose states are used after the last layer."""

    rows: Tensor
    """Their numbers, (n,)."""
    are_first: bool
    """They are the first token of each text."""


class Layer:
    """A layer with its weights laid out for products: queries, keys and values in one."""

    def __init__(self, parts: Parts, shape: Shape, kernels: LayerKernels, *, is_last: bool) -> None:
        """is_last: it may be asked for some rows alone, and then computes the queries of these
        alone."""
        make = kernels.linear
        self._shape, self._attend, self._varlen = shape, kernels.attend, kernels.varlen
        weight, biases = _side_by_side(parts)
        width = weight.shape[1]
        cuts = [slice(0, width), slice(width, None)] if is_last else [slice(None)]
        self._queries = [
            make(weight[cut], None if biases is None else biases[cut], None) for cut in cuts
        ]
        del weight
        self._out = make(*_weights(parts.out), None)
        self._up = make(*_weights(parts.up), None if shape.is_gated else parts.activation)
        self._down = make(*_weights(parts.down), None)
        self._norms: tuple[Any, Any] = (parts.attention_norm, parts.feed_norm)
        self._activate = in_place(parts.activation)

    def __call__(
        self, rows: Tensor, layout: Layout, positions: Positions, wanted: Wanted | None
    ) -> Tensor:
        """rows: (N, D); gives (N, D), or (n, D) of those that are wanted."""
        first, second = self._norms
        inputs = first(rows) if self._shape.norms_first else rows
        split = self._states(inputs, wanted)
        attended = self._attended(split, layout, positions)
        del split
        if wanted is not None:
            rows = rows[wanted.rows]
            if not wanted.are_first:
                attended = attended[wanted.rows]
        summed = self._out(attended).add_(rows)
        del attended
        if self._shape.norms_first:
            return self._feed(second(summed), summed)
        summed = first(summed)
        outputs: Tensor = second(self._feed(summed, summed))
        return outputs

    def _attended(
        self, split: tuple[Tensor, Tensor, Tensor], layout: Layout, positions: Positions
    ) -> Tensor:
        heads = self._shape.heads
        if self._varlen is None:
            return attention(split, layout.groups, heads, positions, self._attend)
        return attention_of_texts(split, layout, heads, self._varlen)

    def _states(self, inputs: Tensor, wanted: Wanted | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values; of the queries only those of first tokens, if wanted."""
        if len(self._queries) == 1:
            query, key, value = self._queries[0](inputs).chunk(3, 1)
            return query, key, value
        of_queries, of_others = self._queries
        has_few = wanted is not None and wanted.are_first
        query = of_queries(inputs[wanted.rows] if wanted is not None and has_few else inputs)
        key, value = of_others(inputs).chunk(2, 1)
        return query, key, value

    def _feed(self, inputs: Tensor, residual: Tensor) -> Tensor:
        """The feed-forward network with its residual sum, which takes the place of `residual`."""
        chunk = CHUNK if inputs.device.type == "cpu" else len(inputs)
        for at in range(0, len(inputs), chunk):
            part = self._up(inputs[at : at + chunk])
            if self._shape.is_gated:
                values, gates = part.chunk(2, 1)
                part = self._activate(values.contiguous()).mul_(gates)
            residual[at : at + chunk].add_(self._down(part))
        return residual


def _side_by_side(parts: Parts) -> tuple[Tensor, Tensor | None]:
    """The weights (3 D, D) and biases (3 D,) of queries, keys and values."""
    if len(parts.queries) == 1:
        return _weights(parts.queries[0])
    weights, biases = zip(*map(_weights, parts.queries), strict=True)
    return torch.cat(weights), None if biases[0] is None else torch.cat(biases)


def _weights(layer: Any) -> tuple[Tensor, Tensor | None]:
    bias = None if layer.bias is None else layer.bias.detach()
    return layer.weight.detach(), bias
