"""How a model knows where a token stands: what it has for positions, and the numbers of it."""

import re
import sys
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from llmcli.decoding.text_config import text_setting

Floats = NDArray[np.float32]
Code = Literal["learned", "sinusoidal", "rotary", "alibi", "bias", "none", "unknown"]
TABLE = re.compile(r"(^|\.)(wpe|\w*embed_positions|positions?_embed\w*)$")
"""Names of modules that have a vector for each position."""
MOST = 64  # positions that are shown


@dataclass(frozen=True, slots=True)
class Positions:
    """What one stack of a model has for positions."""

    stack: str
    """self; of an encoder-decoder encoder or decoder."""
    code: Code
    """learned or sinusoidal: a vector for each position, added to that of the token. rotary:
    queries and keys are turned by an angle. alibi, bias: a number for each distance is added to the
    scores of attention. none: no attention, the order is in the computation. unknown: none of these
    was recognized."""
    count: int | None
    """How many positions there are vectors for; None where there is no such limit."""
    values: Floats
    """learned, sinusoidal (N, N): cosines of the vectors of the first N positions. rotary (N, R):
    the angle in radians by which each of R pairs of numbers is turned at each position. alibi, bias
    (H, M): what is added for each head and distance."""
    distances: tuple[int, ...]
    """alibi, bias: the M distances, key minus query: negative before the query."""


def positions_of(
    owner: nn.Module, stack: str, config: Any, has_attention: bool
) -> tuple[Positions, ...]:
    """What a stack has for positions; several where it has them (a vector and a bias).

    owner: the module of the stack. has_attention: False where the order is in a recurrence.
    """
    finders = (_table, _rotary, _alibi, _bias)
    matches = tuple(each for find in finders if (each := find(owner, stack, config)) is not None)
    if matches:
        return matches
    nothing = np.zeros((0, 0), np.float32)
    return (Positions(stack, "unknown" if has_attention else "none", None, nothing, ()),)


def _table(owner: nn.Module, stack: str, config: Any) -> Positions | None:
    """The vectors of positions, learned or computed from sines."""
    for name, module in owner.named_modules():
        if not TABLE.search(name):
            continue
        weight = getattr(module, "weight", None)
        if weight is None:
            weight = getattr(module, "weights", None)  # of M2M100
        if not isinstance(weight, Tensor) or weight.dim() != 2:
            continue
        vectors = weight.detach().float()[_first_row(module) :]
        sines = "Sinusoidal" in type(module).__name__ or bool(
            getattr(config, "sinusoidal_pos_embds", False)
        )
        shown = torch.nn.functional.normalize(vectors[:MOST], dim=-1)
        cosines = (shown @ shown.T).cpu().numpy()
        code: Code = "sinusoidal" if sines else "learned"
        return Positions(stack, code, len(vectors), cosines, ())
    return None


def _first_row(module: nn.Module) -> int:
    """The row of a table that belongs to the first position.

    BART and OPT leave two rows, RoBERTa those up to that of padding.
    """
    offset = getattr(module, "offset", None)
    if isinstance(offset, int):
        return offset
    padding = getattr(module, "padding_idx", None)
    is_shifted = isinstance(padding, int) and "Embedding" == type(module).__name__
    return padding + 1 if is_shifted and isinstance(padding, int) else 0


def _rotary(owner: nn.Module, stack: str, config: Any) -> Positions | None:
    """The angles of rotary embedding. Su et al. 2021: position times frequency."""
    for _, module in owner.named_modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name.endswith("inv_freq") and "original" not in name:
                angles = torch.arange(MOST)[:, None] * buffer.detach().float().cpu()
                return Positions(stack, "rotary", None, angles.numpy(), ())
    return None


def _alibi(owner: nn.Module, stack: str, config: Any) -> Positions | None:
    """The bias of ALiBi, as the model's own file computes it. Press et al. 2022."""
    files = {sys.modules.get(type(module).__module__) for module in owner.modules()}
    heads = text_setting(config, "num_attention_heads") or text_setting(config, "n_heads")
    if not isinstance(heads, int) or getattr(config, "alibi", True) is False:
        return None
    for file in files:
        if build := getattr(file, "build_mpt_alibi_tensor", None):
            added = build(heads, MOST)
        elif build := getattr(file, "build_alibi_tensor", None):
            added = build(torch.ones(1, MOST), heads, torch.float32)
        else:
            continue
        # The softmax takes away what all keys have in common: the last key is at distance 0.
        rows = added.reshape(heads, MOST).float()
        values = (rows - rows[:, -1:]).numpy()
        return Positions(stack, "alibi", None, values, tuple(range(1 - MOST, 1)))
    return None


def _bias(owner: nn.Module, stack: str, config: Any) -> Positions | None:
    """The learned bias by distance of T5 and its relatives, as the model computes it."""
    for module in owner.modules():
        compute: Any = getattr(module, "compute_bias", None)
        if compute is not None and hasattr(module, "relative_attention_bias"):
            with torch.no_grad():
                added: Tensor = compute(MOST, MOST)[0].float()  # (H, MOST, MOST)
            before, after = added[:, -1], added[:, 0, 1:]
            sees_all = not getattr(module, "is_decoder", False)
            values = torch.cat([before, after], 1) if sees_all else before
            distances = range(1 - MOST, MOST if sees_all else 1)
            return Positions(stack, "bias", None, values.cpu().numpy(), tuple(distances))
    return None
