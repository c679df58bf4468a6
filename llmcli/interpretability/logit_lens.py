"""The logit lens: what a model would predict if it stopped after a layer (nostalgebraist, 2020).

The states after a layer take the place of the last block's output, and the model goes on as it does
at its end: with its own final norm, transform, unembedding, scale and bias. So nothing of its tail
is known here, and the last layer gives the model's own logits.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from llmcli.interpretability.architecture import Stack, hidden_of, with_hidden

Run = Callable[[], Any]
"""One pass of a network: its outputs."""


@torch.no_grad()
def residual_stream(stack: Stack, run: Run) -> Tensor:
    """The states of one text before the first block and after each: (1 + L, T, D).

    The last is before the final norm, unlike transformers' `hidden_states[-1]`.
    """
    states: list[Tensor] = []

    def before(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        states.append(hidden_of(args) if args else kwargs["hidden_states"])

    def after(module: nn.Module, args: Any, output: Any) -> None:
        states.append(hidden_of(output))

    blocks = [block.module for block in stack.blocks]
    hooks = [blocks[0].register_forward_pre_hook(before, with_kwargs=True)]
    hooks += [block.register_forward_hook(after) for block in blocks]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat([state[:1].clone() for state in states])


@torch.no_grad()
def read_out(stack: Stack, states: Tensor, run: Run) -> Any:
    """The outputs of the network when its last block gives states (N, T, D)."""

    def replace(module: nn.Module, args: Any, output: Any) -> Any:
        return with_hidden(output, states)

    hook = stack.blocks[-1].module.register_forward_hook(replace)
    try:
        return run()
    finally:
        hook.remove()
