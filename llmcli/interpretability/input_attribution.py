"""Which input tokens a number depends on: integrated gradients, gradient x input, occlusion.

All three put vectors in the place of what the network's embedding gives, in front of all scales,
positions and norms, so that an encoder and a decoder that scale it differently are treated alike.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from llmcli.arrays import Doubles

Run = Callable[[int], Tensor]
"""Runs the network on B copies of the inputs, and gives the numbers (B, K) that are explained."""
FIRST_NODES, MOST_NODES = 64, 512
MOST_TOKENS = 1 << 16
"""Tokens of an integral, all nodes together: a long text has fewer nodes, but 64 at least."""
CLOSE = 0.01
"""Of a difference, how far the sum of integrated gradients may be from it."""
FLOOR = 1e-3
"""The error that is allowed in any case: below it, float32 decides."""
TOKENS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True)
class InputSide:
    """One sequence of tokens that a network reads.

    embedding: the module that is called for it. owner: the module inside which the call is, where
    the network embeds two sequences; else None. baseline: the id of the token that stands for
    "nothing". kept (T,): which tokens are never replaced, such as [CLS].
    """

    ids: tuple[int, ...]
    embedding: nn.Module
    owner: nn.Module | None
    baseline: int
    kept: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class InputAttribution:
    """What each token adds to K numbers; per side an array (K, T).

    value (K,): the numbers for the text, baseline (K,): for the text of baseline tokens. nodes: of
    the integral. holds (K,): whether the sum of the integrated gradients is the difference.
    """

    value: Doubles
    baseline: Doubles
    integrated_gradients: tuple[Doubles, ...]
    gradient_x_input: tuple[Doubles, ...]
    occlusion: tuple[Doubles, ...]
    nodes: int

    @property
    def difference(self) -> Doubles:
        """(K,): the text's numbers less the baseline's."""
        return self.value - self.baseline

    @property
    def error(self) -> Doubles:
        """(K,): the difference to the sum of the integrated gradients, relative to it.

        Relative to 0.1 where the difference is smaller, because float32 gives no more.
        """
        sums = sum(part.sum(1) for part in self.integrated_gradients)
        size = np.maximum(np.abs(self.difference), FLOOR / CLOSE)
        relative: Doubles = np.abs(sums - self.difference) / size
        return relative


Points = tuple[Tensor, ...]
"""Embeddings of each side, (B, T, E)."""


def attribute_inputs(sides: Sequence[InputSide], run: Run) -> InputAttribution:
    """Attribute the numbers of `run` to the tokens of its sides.

    Integrated gradients (Sundararajan et al. 2017, eq. 3) with Gauss-Legendre nodes, doubled until
    their sum is within 1% of the difference.
    """
    text = tuple(_embedded(side, side.ids) for side in sides)
    nothing = tuple(_embedded(side, _baseline_ids(side)) for side in sides)
    value, gradients = _gradients(sides, run, text)
    baseline, _ = _gradients(sides, run, nothing)
    by_input = tuple(
        (gradient[0] * point[0]).sum(-1) for gradient, point in zip(gradients, text, strict=True)
    )
    occlusion = _occlusion(sides, run, text, nothing, value[0])
    tokens = sum(len(side.ids) for side in sides)
    nodes = FIRST_NODES
    while True:
        integrated = _integrated_gradients(sides, run, text, nothing, nodes)
        result = InputAttribution(
            _array(value[0]),
            _array(baseline[0]),
            tuple(_array(part) for part in integrated),
            tuple(_array(part) for part in by_input),
            occlusion,
            nodes,
        )
        is_last = 2 * nodes > MOST_NODES or 2 * nodes * tokens > MOST_TOKENS
        if is_last or (result.error <= CLOSE).all():
            return result
        nodes *= 2


def _integrated_gradients(
    sides: Sequence[InputSide], run: Run, text: Points, nothing: Points, nodes: int
) -> list[Tensor]:
    """(K, T) of each side: the mean gradient on the way from nothing to the text, times the way."""
    places, weights = np.polynomial.legendre.leggauss(nodes)
    shares = torch.tensor((places + 1) / 2, dtype=text[0].dtype, device=text[0].device)
    factors = torch.tensor(weights / 2, dtype=torch.float64, device=text[0].device)
    ways = [point - start for point, start in zip(text, nothing, strict=True)]
    sums: list[Tensor] = []
    for rows in _batches(nodes, sum(point.shape[1] for point in text)):
        share = shares[rows, None, None]  # (B, 1, 1)
        points = tuple(start + share * way for start, way in zip(nothing, ways, strict=True))
        _, gradients = _gradients(sides, run, points)
        parts = [
            torch.einsum("b,bkte,te->kt", factors[rows], gradient.double(), way[0].double())
            for gradient, way in zip(gradients, ways, strict=True)
        ]
        sums = [old + new for old, new in zip(sums, parts, strict=True)] if sums else parts
    return sums


def _gradients(
    sides: Sequence[InputSide], run: Run, points: Points
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The numbers (B, K) at points, and their gradients there, (B, K, T, E) of each side."""
    leaves = [point.detach().requires_grad_() for point in points]
    with torch.enable_grad(), _given(sides, leaves):
        values = run(len(points[0]))  # (B, K)
        by_number = [
            torch.autograd.grad(
                values[:, number].sum(),
                leaves,
                retain_graph=number + 1 < values.shape[1],
                materialize_grads=True,
            )
            for number in range(values.shape[1])
        ]
    return values.detach(), tuple(torch.stack(parts, 1) for parts in zip(*by_number, strict=True))


@torch.no_grad()
def _occlusion(
    sides: Sequence[InputSide], run: Run, text: Points, nothing: Points, value: Tensor
) -> tuple[Doubles, ...]:
    """(K, T) of each side: how much the numbers fall when a token becomes the baseline's."""
    results = []
    for number, side in enumerate(sides):
        falls = np.zeros((len(value), len(side.ids)))
        places = np.flatnonzero(~np.array(side.kept))
        for rows in _batches(len(places), sum(point.shape[1] for point in text)):
            at = torch.tensor(places[rows])
            points = [point.repeat(len(at), 1, 1) for point in text]
            points[number][torch.arange(len(at)), at] = nothing[number][0, at]
            with _given(sides, points):
                falls[:, at] = _array(value - run(len(at))).T
        results.append(falls)
    return tuple(results)


def _batches(count: int, tokens: int) -> Iterator[slice]:
    """Rows that are run together: at most TOKENS_AT_ONCE tokens."""
    size = max(1, TOKENS_AT_ONCE // tokens)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


@torch.no_grad()
def _embedded(side: InputSide, ids: Sequence[int]) -> Tensor:
    """What the embedding gives for tokens, (1, T, E)."""
    device = next(side.embedding.parameters()).device
    vectors: Tensor = side.embedding(torch.tensor([list(ids)], device=device))
    return vectors


def _baseline_ids(side: InputSide) -> list[int]:
    return [
        token if kept else side.baseline for token, kept in zip(side.ids, side.kept, strict=True)
    ]


@contextmanager
def _given(sides: Sequence[InputSide], points: Sequence[Tensor]) -> Iterator[None]:
    """Let the embedding of each side give these vectors."""
    inside: set[nn.Module] = set()

    def gives(side: InputSide, point: Tensor) -> Callable[..., Any]:
        def hook(module: nn.Module, args: Any, output: Tensor) -> Tensor | None:
            return point if side.owner is None or side.owner in inside else None

        return hook

    with ExitStack() as hooks:
        for side, point in zip(sides, points, strict=True):
            hooks.callback(side.embedding.register_forward_hook(gives(side, point)).remove)
            if side.owner is not None:
                enter = side.owner.register_forward_pre_hook(lambda owner, args: inside.add(owner))
                leave = side.owner.register_forward_hook(
                    lambda owner, args, output: inside.discard(owner)
                )
                hooks.callback(enter.remove)
                hooks.callback(leave.remove)
        yield


def _array(values: Tensor) -> Doubles:
    array: Doubles = values.detach().double().cpu().numpy()
    return array
