"""Freezes weights: training leaves them as they are."""

import re
from collections.abc import Sequence
from typing import Any

from llmcli.errors import UsageError


def freeze(model: Any, choices: Sequence[str]) -> None:
    """Exclude some weights of a model from training.

    choices: `body` (all but the head), `embeddings`, a number of lower layers (embeddings
    included), or parts of the names of weights. Raises UsageError where a choice matches no
    weight, or where nothing is left to train.
    """
    for choice in choices:
        frozen = [
            weight for name, weight in model.named_parameters() if _matches(model, name, choice)
        ]
        if not frozen:
            some = ", ".join(name for name, _ in list(model.named_parameters())[:4])
            raise UsageError(
                f"`freeze` {choice}: no weight has this name; use body, embeddings, a number of "
                f"layers, or part of a name such as {some}"
            )
        for weight in frozen:
            weight.requires_grad = False
    if not any(weight.requires_grad for weight in model.parameters()):
        raise UsageError(f"`freeze` {','.join(choices)} leaves nothing to train")


def _matches(model: Any, name: str, choice: str) -> bool:
    if choice == "body":
        return name.startswith(f"{model.base_model_prefix}.") and ".pooler." not in name
    if choice == "embeddings":
        return _is_embedding(name)
    if choice.isdigit():
        layer = re.search(r"\.(?:layers?|h|block|blocks)\.(\d+)\.", name)
        return _is_embedding(name) or (layer is not None and int(layer[1]) < int(choice))
    return choice in name


def _is_embedding(name: str) -> bool:
    return any(part in name for part in ("embed", "wte.", "wpe.", "shared."))
