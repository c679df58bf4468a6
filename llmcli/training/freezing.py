"""Weights that a run leaves as they are."""

import re
from collections.abc import Sequence
from typing import Any

from llmcli.errors import UsageError


def freeze(model: Any, what: Sequence[str]) -> None:
    """Keep some weights of a model from being learnt.

    what: `body` (all but the head), `embeddings`, a number of lower layers (which the embeddings
    go with), or parts of names of weights. Raises UsageError where one of them names nothing,
    or nothing would be left to learn.
    """
    for one in what:
        frozen = [
            weight for name, weight in model.named_parameters() if _is_meant(model, name, one)
        ]
        if not frozen:
            some = ", ".join(name for name, _ in list(model.named_parameters())[:4])
            raise UsageError(
                f"--freeze {one}: no weight is called so; use body, embeddings, a number of "
                f"layers, or part of a name such as {some}"
            )
        for weight in frozen:
            weight.requires_grad = False
    if not any(weight.requires_grad for weight in model.parameters()):
        raise UsageError(f"--freeze {','.join(what)} leaves nothing to learn")


def _is_meant(model: Any, name: str, what: str) -> bool:
    if what == "body":
        return name.startswith(f"{model.base_model_prefix}.") and ".pooler." not in name
    if what == "embeddings":
        return _is_embedding(name)
    if what.isdigit():
        layer = re.search(r"\.(?:layers?|h|block|blocks)\.(\d+)\.", name)
        return _is_embedding(name) or (layer is not None and int(layer[1]) < int(what))
    return what in name


def _is_embedding(name: str) -> bool:
    parts = ("embed", "wte.", "wpe.", "shared.")
    return any(part in name for part in parts)
