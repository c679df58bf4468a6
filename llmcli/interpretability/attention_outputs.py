"""What each attention adds to the stream of a network: its output matrix, and its size."""

from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from llmcli.arrays import Floats
from llmcli.interpretability.architecture import Block, stacks
from llmcli.interpretability.probe import Site
from llmcli.interpretability.study import Study


def outputs_of(network: Any) -> dict[Site, tuple[Block, nn.Module]]:
    """The block of each attention, and the module W_O whose output is added to the stream."""
    return {
        Site(stack.name if part.kind == "self" else "cross", layer): (block, part.output)
        for stack in stacks(network).values()
        for layer, block in enumerate(stack.blocks)
        for part in block.parts
        if part.kind != "mlp"
    }


def effects(study: Study) -> dict[Site, float]:
    """How long the vector is that each attention adds, relative to what its block was given.

    The mean over the tokens of ||output|| / ||input of the block||. Empty for a network whose
    blocks are not known.
    """
    sizes: dict[Site, Tensor] = {}
    inputs: dict[int, Tensor] = {}

    def keep_input(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        hidden = args[0] if args else kwargs["hidden_states"]  # (1, T, D)
        inputs[id(module)] = hidden[0].norm(dim=-1)  # (T,)

    def keep_output(site: Site, module: nn.Module, output: Tensor) -> None:
        sizes[site] = output.reshape(-1, output.shape[-1]).norm(dim=-1)  # (T,)

    places = outputs_of(study.network)
    with ExitStack() as hooks:
        for site, (block, output) in places.items():
            before = block.module.register_forward_pre_hook(keep_input, with_kwargs=True)
            hooks.callback(before.remove)
            after = output.register_forward_hook(
                lambda module, args, value, site=site: keep_output(site, module, value)
            )
            hooks.callback(after.remove)
        study.run()
    return {
        site: float((size / inputs[id(places[site][0].module)].clamp_min(1e-12)).mean())
        for site, size in sizes.items()
    }


def value_norms(value: Tensor, output: nn.Module | None) -> Floats | None:
    """||v W_O|| of each head and key: (H, S).

    value: (H, S, d). output: the matrix of all heads together. None if it does not take the heads
    side by side. Source: Kobayashi et al. 2020, equation 7, without the weights.
    """
    heads, _, size = value.shape
    matrix: Any = getattr(output, "weight", None)
    if matrix is None:
        return None
    joined = matrix.T if isinstance(output, nn.Linear) else matrix  # (H d, D); Conv1D has it so
    if joined.shape[0] != heads * size:
        return None
    by_head = joined.reshape(heads, size, -1).to(value.dtype)  # (H, d, D)
    return np.asarray(torch.bmm(value, by_head).norm(dim=-1).cpu().numpy(), np.float32)
