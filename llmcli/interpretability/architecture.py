"""Where a network has its blocks, and each block its attention and its MLP.

Read from the tree of modules alone, so that a family needs no entry: blocks are those whose outputs
transformers records as hidden states, else the list of equal modules that hold attention. What is
found by its place is checked by its sums (see direct_attribution.py): a network built otherwise
fails the check, and is not shown as if it held.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from llmcli.interpretability.probe import CROSS

StackName = Literal["self", "encoder", "decoder"]
EXPERTS = re.compile(r"expert|moe", re.IGNORECASE)
NORM = re.compile(r"norm", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """What one attention or MLP of a block adds to the residual stream.

    kind: self, cross or mlp. output: the module whose output is what is added: the projection W^O
    of an attention, the second matrix of an MLP. module: the whole attention or MLP.
    """

    kind: Literal["self", "cross", "mlp"]
    module: nn.Module
    output: nn.Module


@dataclass(frozen=True, slots=True)
class Block:
    """One layer of a stack."""

    name: str
    module: nn.Module
    parts: tuple[Part, ...]

    def part(self, kind: str) -> Part | None:
        """The part of a kind; None if the block has none."""
        return next((part for part in self.parts if part.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Stack:
    """The blocks that a text passes through, in order.

    name: self of a model that is an encoder or a decoder alone. owner: the module that is called
    once for the whole stack, with its embeddings.
    """

    name: StackName
    owner: nn.Module
    blocks: tuple[Block, ...]


def stacks(network: Any) -> dict[StackName, Stack]:
    """The stacks of a network by their names; empty if it has no blocks that are called once each.

    A network whose blocks share their weights (ALBERT) calls one module several times: it has none.
    """
    if not network.config.is_encoder_decoder:
        blocks = _blocks(network)
        return {"self": Stack("self", network, blocks)} if blocks else {}
    owners = {"encoder": network.get_encoder(), "decoder": network.get_decoder()}
    by_name: dict[StackName, Stack] = {}
    for name in ("encoder", "decoder"):
        if blocks := _blocks(owners[name]):
            by_name[name] = Stack(name, owners[name], blocks)
    return by_name if len(by_name) == 2 else {}


def output_stack(network: Any) -> Stack | None:
    """The stack whose states become the logits: the decoder's, or the only one."""
    by_name = stacks(network)
    return by_name.get("decoder") or by_name.get("self")


def hidden_of(output: Any) -> Tensor:
    """The hidden states (B, T, D) in what a block returns."""
    hidden: Tensor = output[0] if isinstance(output, tuple | list) else output
    return hidden


def with_hidden(output: Any, hidden: Tensor) -> Any:
    """What a block returned, with other hidden states (B, T, D)."""
    return (hidden, *output[1:]) if isinstance(output, tuple | list) else hidden


def is_linear(module: nn.Module) -> bool:
    """True of a matrix with a bias or without: Linear, and GPT-2's Conv1D."""
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def is_norm(module: nn.Module) -> bool:
    """True of a norm of any family, by the name of its class."""
    return bool(NORM.search(type(module).__name__)) and not list(module.children())


def _blocks(owner: nn.Module) -> tuple[Block, ...]:
    recorded = _recorded_classes(owner)
    for name, group in _lists(owner):
        modules = list(group)
        is_recorded = recorded and isinstance(modules[0], recorded)
        if (is_recorded or not recorded) and _holds_a_mixer(modules[0]):
            return tuple(
                Block(f"{name}.{at}", block, _parts(block)) for at, block in enumerate(modules)
            )
    return ()


def _recorded_classes(owner: nn.Module) -> tuple[type, ...]:
    """The classes whose outputs transformers records as hidden states."""
    classes = set()
    for module in owner.modules():
        recorders = (getattr(module, "_can_record_outputs", None) or {}).get("hidden_states")
        for recorder in recorders if isinstance(recorders, list) else [recorders]:
            kind = getattr(recorder, "target_class", recorder)
            if isinstance(kind, type):
                classes.add(kind)
    return tuple(classes)


def _lists(owner: nn.Module) -> Iterator[tuple[str, nn.ModuleList]]:
    """The lists of equal modules, the longest first: of nested lists, the outer one."""
    lists = [
        (name, module)
        for name, module in owner.named_modules()
        if isinstance(module, nn.ModuleList) and len({type(entry) for entry in module}) == 1
    ]
    names = [name for name, _ in lists]
    outer = [pair for pair in lists if not any(pair[0].startswith(f"{name}.") for name in names)]
    return iter(sorted(outer, key=lambda pair: -len(pair[1])))


def _holds_a_mixer(block: nn.Module) -> bool:
    """True of a module with at least two matrices: the blocks of every kind have them."""
    return sum(is_linear(module) for module in block.modules()) > 1


def _parts(block: nn.Module) -> tuple[Part, ...]:
    """The attentions of a block and its MLP, in the order of their definition."""
    parts = []
    inside: list[str] = []
    for name, module in block.named_modules():
        if not name or any(name.startswith(f"{outer}.") for outer in inside):
            continue
        if "attention" in type(module).__name__.lower() and (last := _last_matrix(module)):
            inside.append(name)
            kind: Literal["self", "cross"] = "cross" if _is_cross(name, module) else "self"
            parts.append(Part(kind, module, last))
    mlp = _mlp(block, inside)
    return (*parts, mlp) if mlp is not None else tuple(parts)


def _is_cross(name: str, module: nn.Module) -> bool:
    return bool(CROSS.search(name) or CROSS.search(type(module).__name__))


def _mlp(block: nn.Module, attentions: list[str]) -> Part | None:
    """The rest of a block: its last matrix outside attention, or the whole of its experts."""
    for name, child in block.named_children():
        kinds = {type(module).__name__ for module in child.modules()}
        if name not in attentions and any(EXPERTS.search(kind) for kind in kinds):
            return Part("mlp", child, child)
    others = [
        module
        for name, module in block.named_modules()
        if is_linear(module) and not any(name.startswith(f"{outer}.") for outer in attentions)
    ]
    return Part("mlp", others[-1], others[-1]) if others else None


def _last_matrix(module: nn.Module) -> nn.Module | None:
    """The matrix that is defined last: an attention's output projection, in every family."""
    matrices = [entry for entry in module.modules() if is_linear(entry)]
    return matrices[-1] if matrices else None
