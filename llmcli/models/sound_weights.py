"""Weights that can be computed with: whole files, and numbers that are finite.

NaN in a weight does not always show: attention gives nothing to what it scores with NaN, and the
result is a number that looks like any other. So all weights are read for it once. That is
remembered until a file changes, and a later start looks at the size and time of the file alone.
"""

import re
from pathlib import Path

from llmcli.errors import ModelUnsuitable
from llmcli.models.checkpoint import (
    Checkpoint,
    adapter_weights,
    check,
    check_safetensors,
    read_config,
    weight_files,
)
from llmcli.system.cache import is_known, remember, state_of

FINITE = "finite"
MASKS = re.compile(r"(?:^|[._])mask(?:ed_bias)?$")
"""Names of what old checkpoints store beside weights, where infinities are meant."""


def require_sound(checkpoint: Checkpoint) -> None:
    """As `checkpoint.check`, and that all weights are finite: also those of the adapters' base.

    Of a GGUF file, whose weights are packed, the beginning alone is checked.
    """
    if checkpoint.gguf_file is not None:
        check(checkpoint)
        return
    read_config(checkpoint)
    if checkpoint.base is not None:
        require_sound(checkpoint.base)
    paths = weight_files(checkpoint) if checkpoint.base is None else [adapter_weights(checkpoint)]
    for path in paths:  # what was found finite was read to its end, and is not damaged
        if not _is_finite(path):
            check_safetensors(checkpoint, path)
            require_finite(checkpoint.model_id, path)


def _is_finite(path: Path) -> bool:
    """Whether a file is known to hold finite numbers only."""
    return is_known(FINITE, path, state_of([path]))


def require_finite(model_id: str, path: Path) -> None:
    """Raise ModelUnsuitable if a safetensors file holds NaN or infinite numbers, or is damaged."""
    state = state_of([path])
    if is_known(FINITE, path, state):
        return
    from llmcli.models.safetensors import Tensors  # numpy

    name = Tensors([path]).first_not_finite(MASKS)
    if name is not None:
        raise not_finite(model_id, f"{name} in {path}")
    remember(FINITE, path, state)


def not_finite(model_id: str, weight: str) -> ModelUnsuitable:
    """The error for a weight that holds NaN or an infinite number."""
    return ModelUnsuitable(
        f"the weights of {model_id} are not finite: {weight} holds NaN or infinite numbers; copy "
        "or download it again, or train it again from an earlier checkpoint"
    )
