"""Freezes weights: excludes them from training."""

import re
from collections.abc import Sequence
from typing import Any

from llmcli.errors import UsageError


def freeze(model: Any, choices: Sequence[str]) -> None:
    """Freeze some weights of a model: set their `requires_grad` to False.

    choices: `body` (all but the head and the pooler), `embeddings`, the number of lower layers
    to freeze (with the embeddings), or substrings of weight names.
    Position tables that a model computes, such as Marian's sinusoids, are always frozen:
    transformers lets them be trained after loading, although they are constants, and what those
    learn that are never saved would be lost.
    Raises UsageError if a choice matches no weight, or if no trainable weight is left.
    """
    for name in _computed(model):
        model.get_parameter(name).requires_grad = False
    for choice in choices:
        frozen = [
            weight for name, weight in model.named_parameters() if _matches(model, name, choice)
        ]
        if not frozen:
            examples = ", ".join(name for name, _ in list(model.named_parameters())[:4])
            raise UsageError(
                f"`freeze` {choice}: no weight has this name; use body, embeddings, a number of "
                f"layers, or part of a name such as {examples}"
            )
        for weight in frozen:
            weight.requires_grad = False
    if not any(weight.requires_grad for weight in model.parameters()):
        raise UsageError(f"`freeze` {','.join(choices)} leaves nothing to train")


def _computed(model: Any) -> list[str]:
    """The names of position tables that are computed: sinusoids, or never stored."""
    unsaved = getattr(model, "_keys_to_ignore_on_save", None) or ()
    tables = [
        f"{name}.weight"
        for name, module in model.named_modules()
        if "Sinusoidal" in type(module).__name__ or _is_sinusoidal(model.config, name)
    ]
    names = [name for name, _ in model.named_parameters()]
    return [name for name in names if name in tables or (name in unsaved and "position" in name)]


SINUSOIDAL = ("sinusoidal_pos_embds", "sinusoidal_embeddings")
"""Settings of models whose table of positions is an ordinary one otherwise: DistilBERT, XLM."""


def _is_sinusoidal(config: Any, name: str) -> bool:
    is_table = name.rpartition(".")[2] == "position_embeddings"
    return is_table and any(getattr(config, setting, False) for setting in SINUSOIDAL)


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
