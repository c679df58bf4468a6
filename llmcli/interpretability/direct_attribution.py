"""Direct logit attribution: what each attention, head and MLP adds to a difference of logits.

Each block adds vectors to the residual stream, and the logits are read from their sum. With the
scales of the norms frozen (frozen_norms.py) the way from these vectors to a logit is affine, so the
difference of two logits is a sum: embedding + attentions + MLPs + bias. The bias is not what is
missing: it is what the same network gives when all these vectors are zero.

Where a head with an activation stands between the stream and the logits (BERT's transform, a
classifier), no such sum exists. There the stream itself is split, along the direction in which the
difference grows fastest: the gradient at the head's input.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from llmcli.arrays import Doubles
from llmcli.interpretability.architecture import (
    Part,
    Stack,
    hidden_of,
    is_norm,
    stacks,
    with_hidden,
)
from llmcli.interpretability.frozen_norms import FrozenNorm, freeze

Level = Literal["logits", "head-input"]
Score = Callable[[], Tensor]
"""Runs the network once and gives the number that is explained, with its gradient."""
HOLDS = 1e-4
HEADS = ("num_heads", "n_heads", "num_attention_heads")


class NoSum(Exception):
    """A network whose residual stream is no sum; the message says why, as a key of words."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one part of one layer adds.

    heads (H,): the share of each head; empty for an MLP. bias: of the attention's output. error:
    the largest difference between the attention's output and the sum of its heads and bias,
    relative to the largest output if that is above 1.
    """

    layer: int
    kind: Literal["self", "cross", "mlp"]
    value: float
    heads: Doubles
    bias: float
    error: float


@dataclass(frozen=True, slots=True)
class DirectAttribution:
    """A difference as a sum over the parts of a network.

    level: what the difference is of; at head-input it is the stream's share along the gradient.
    total: the network's own number, which embedding + shares + bias must equal.
    """

    level: Level
    total: float
    embedding: float
    shares: tuple[Share, ...]
    bias: float

    @property
    def sum(self) -> float:
        """All parts together."""
        return self.embedding + sum(share.value for share in self.shares) + self.bias

    @property
    def error(self) -> float:
        """The difference to the total, relative to the largest part if that is above 1."""
        sizes = [abs(self.embedding), abs(self.bias), *(abs(share.value) for share in self.shares)]
        return abs(self.sum - self.total) / max(1.0, *sizes)


@dataclass(slots=True)
class _Pass:
    """What one pass leaves behind, by the places of the parts in the stack's list of them."""

    embedding: Tensor | None = None
    outputs: dict[int, Tensor] = field(default_factory=dict)
    inputs: dict[int, Tensor] = field(default_factory=dict)
    norms: dict[nn.Module, FrozenNorm] = field(default_factory=dict)
    last: Tensor | None = None
    is_zero: bool = False
    """Whether the parts give zeros, and the norms are those of the pass before."""


def attribute_directly(network: Any, stack: Stack, score: Score) -> DirectAttribution:
    """Split the number that `score` computes among the parts of a stack.

    Raises NoSum where the stream is not the sum of what its blocks add.
    """
    if not all(block.parts for block in stack.blocks):
        raise NoSum("no-parts")
    with before_the_cap(network):
        at_logits = _attribute(network, stack, score, "logits")
        if at_logits.error <= HOLDS:
            return at_logits
        at_head = _attribute(network, stack, score, "head-input")
    return at_head if at_head.error <= HOLDS else at_logits


@contextmanager
def before_the_cap(network: Any) -> Iterator[None]:
    """Let the logits be those before a bound by tanh (Gemma 2), which no sum passes."""
    config = network.config.get_text_config()
    cap = getattr(config, "final_logit_softcapping", None)
    if cap is None:
        yield
        return
    config.final_logit_softcapping = None
    try:
        yield
    finally:
        config.final_logit_softcapping = cap


def _attribute(network: Any, stack: Stack, score: Score, level: Level) -> DirectAttribution:
    """Two passes: one that splits, one with zeros that gives the bias."""
    parts = [(at, part) for at, block in enumerate(stack.blocks) for part in block.parts]
    norms = _norms(network, stack, level)
    record = _Pass()
    with torch.enable_grad(), _recording([part for _, part in parts], stack, norms, record):
        total = score()
    if len(record.outputs) < len(parts) or record.embedding is None or record.last is None:
        raise NoSum("no-parts")
    torch.autograd.backward(total)
    nothing = replace(record, is_zero=True)
    with torch.no_grad(), _recording([part for _, part in parts], stack, norms, nothing):
        bias = float(score().detach())
    shares = tuple(
        _share(layer, part, record, number) for number, (layer, part) in enumerate(parts)
    )
    value = float(total.detach())
    if level == "head-input":
        value = _dot(record.last, record.last.grad)
        assert nothing.last is not None
        bias = _dot(nothing.last, record.last.grad)
    embedding = _dot(record.embedding, record.embedding.grad)
    return DirectAttribution(level, value, embedding, shares, bias)


def _norms(network: Any, stack: Stack, level: Level) -> list[nn.Module]:
    """The norms that are frozen: of the blocks, and up to the logits those of the tail too."""
    blocks = [norm for block in stack.blocks for norm in block.module.modules() if is_norm(norm)]
    if level == "head-input":
        return blocks
    others = [other.owner for other in stacks(network).values() if other.name != stack.name]
    elsewhere = {module for other in others for module in other.modules()}
    return [norm for norm in network.modules() if is_norm(norm) and norm not in elsewhere]


@contextmanager
def _recording(
    parts: list[Part], stack: Stack, norms: list[nn.Module], record: _Pass
) -> Iterator[None]:
    """Cut the network into its parts: each output becomes a variable of its own, or zeros."""
    with ExitStack() as hooks:
        for number, part in enumerate(parts):
            hook = part.output.register_forward_hook(_cut_part(record, number))
            hooks.callback(hook.remove)
        first, last = stack.blocks[0].module, stack.blocks[-1].module
        hook = first.register_forward_pre_hook(_cut_embedding(record), with_kwargs=True)
        hooks.callback(hook.remove)
        hooks.callback(last.register_forward_hook(_keep_last(record)).remove)
        for norm in norms:
            hooks.callback(norm.register_forward_hook(_freeze(record)).remove)
        yield


def _leaf(record: _Pass, value: Tensor) -> Tensor:
    return torch.zeros_like(value) if record.is_zero else value.detach().requires_grad_()


def _cut_part(record: _Pass, number: int) -> Callable[..., Any]:
    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        leaf = _leaf(record, hidden_of(output))
        if not record.is_zero:
            if number in record.outputs:
                raise NoSum("shared-blocks")
            record.outputs[number] = leaf
            record.inputs[number] = hidden_of(args).detach()
        return with_hidden(output, leaf.clone())  # some blocks add to it in place

    return hook


def _cut_embedding(record: _Pass) -> Callable[..., Any]:
    def hook(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        leaf = _leaf(record, args[0] if args else kwargs["hidden_states"])
        if not record.is_zero:
            record.embedding = leaf
        if args:
            return (leaf.clone(), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": leaf.clone()}

    return hook


def _keep_last(record: _Pass) -> Callable[..., Any]:
    def hook(module: nn.Module, args: Any, output: Any) -> None:
        record.last = hidden_of(output)
        if record.last.requires_grad:
            record.last.retain_grad()

    return hook


def _freeze(record: _Pass) -> Callable[..., Any]:
    def hook(module: nn.Module, args: Any, output: Tensor) -> Tensor | None:
        if not record.is_zero:
            frozen = freeze(module, args[0].detach(), output.detach())
            if frozen is None:
                raise NoSum("unknown-norm")
            record.norms[module] = frozen
        return record.norms[module](args[0])

    return hook


def _dot(left: Tensor | None, right: Tensor | None) -> float:
    """The sum of products, in float64; 0 of what has no gradient."""
    if left is None or right is None:
        return 0.0
    return float((left.detach().double() * right.double()).sum())


@torch.no_grad()
def _share(layer: int, part: Part, record: _Pass, number: int) -> Share:
    output, joined = record.outputs[number], record.inputs[number]
    gradient = output.grad
    value = _dot(output, gradient)
    heads = heads_of(part.module) if part.kind != "mlp" else 0
    if not heads or joined.shape[-1] % heads:
        return Share(layer, part.kind, value, np.zeros(0), 0.0, 0.0)
    matrix = _matrix(part.output)  # (H * d, D)
    rest = getattr(part.output, "bias", None)
    rest = torch.zeros(matrix.shape[-1]) if rest is None else rest
    rest = rest.double().to(output.device)
    summed, shares = rest.expand_as(output).clone(), []
    for head, rows in zip(joined.double().chunk(heads, -1), matrix.chunk(heads, 0), strict=True):
        written = head @ rows  # (B, T, D)
        summed += written
        shares.append(_dot(written, gradient))
    error = (summed - output).abs().max() / output.abs().max().clamp_min(1.0)
    bias = _dot(rest.expand_as(output), gradient)
    return Share(layer, part.kind, value, np.array(shares), bias, float(error))


def _matrix(linear: nn.Module) -> Tensor:
    """W^O (H * d, D) in float64; Linear keeps it transposed, Conv1D as it is."""
    weight: Any = linear.weight
    weight = weight.detach().double()
    turned: Tensor = weight.T if isinstance(linear, nn.Linear) else weight
    return turned


def heads_of(attention: nn.Module) -> int:
    """The number of heads of an attention module; 0 if it does not say."""
    for module in attention.modules():
        for name in HEADS:
            number = getattr(module, name, None)
            if isinstance(number, int):
                return number
    config: Any = next(
        (module.config for module in attention.modules() if hasattr(module, "config")), None
    )
    number = getattr(config, "num_attention_heads", 0)
    return number if isinstance(number, int) else 0
