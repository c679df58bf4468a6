"""Whether a checkpoint gave a network all of its weights: what a file lacks would be random."""

import math
from collections.abc import Collection
from typing import Any

import torch

from llmcli.errors import ModelUnsuitable
from llmcli.models.adapters import PREFIX, saved_shapes
from llmcli.models.checkpoint import Checkpoint
from llmcli.models.sound_weights import FINITE, not_finite
from llmcli.system.cache import is_known, remember, state_of

UNUSED = ("pooler.",)  # weights of an encoder: the inference room pools token states by itself
SHOWN = 3  # names in a message


def require_all_weights(checkpoint: Checkpoint, info: dict[str, Any]) -> None:
    """Raise ModelUnsuitable if some weights of a model would be random numbers.

    info: as `read_network` returns it. What an architecture derives (tied weights, buffers that are
    not stored) is not listed there.
    """
    missing = sorted(key for key in info["missing_keys"] if not key.startswith(UNUSED))
    mismatched = sorted(key for key, *_ in info["mismatched_keys"])
    for problem, keys in (("lacks", missing), ("has the wrong shape for", mismatched)):
        if keys:
            raise ModelUnsuitable(
                f"{checkpoint.model_id} {problem} {named(keys)}: it is damaged, or was made for "
                "another task"
            )


def named(keys: Collection[str]) -> str:
    """The first names of weights, as the model has them, and how many more there are."""
    names = sorted(key.removeprefix(PREFIX) for key in keys)
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more weights" if more > 0 else "")


def require_whole_adapters(adapted: Any, checkpoint: Checkpoint, own: dict[str, Any]) -> set[str]:
    """Check that a file of adapters holds all that they consist of, and nothing for another model.

    adapted: a network with them. own: what peft saves of it, by name. Returns the names of whole
    modules among them, such as a head, whose shape is another one, for the caller to judge.
    """
    name = checkpoint.model_id
    saved = saved_shapes(checkpoint)
    missing = set(own) - set(saved)
    if missing:
        raise ModelUnsuitable(
            f"{name} lacks {named(missing)} of its adapters: it is damaged, or its "
            "adapter_config.json is of other adapters"
        )
    known = {key.replace(".base_layer.", ".") for key in adapted.state_dict()}
    unknown = set(saved) - set(own) - known
    if unknown:
        raise ModelUnsuitable(
            f"{name} holds adapters for {named(unknown)}, which the model below does not have: "
            "they were made for another one, or with another adapter_config.json"
        )
    wrong = {key for key, weight in own.items() if tuple(weight.shape) != saved[key]}
    misfits = sorted(key for key in wrong if ".lora_" in key)
    if misfits:
        raise ModelUnsuitable(
            f"{name} has the wrong shape for {named(misfits)}: its adapters were made for another "
            "model, or with another rank than adapter_config.json states"
        )
    _require_finite_scaling(adapted, name)
    return wrong


def _require_finite_scaling(adapted: Any, name: str) -> None:
    for module in adapted.modules():
        scaling = getattr(module, "scaling", None)
        if isinstance(scaling, dict) and not all(map(math.isfinite, scaling.values())):
            raise ModelUnsuitable(
                f"the scaling of the adapters {name} is not finite: correct lora_alpha in their "
                "adapter_config.json"
            )


def require_finite_weights(network: Any, checkpoint: Checkpoint) -> None:
    """Raise ModelUnsuitable if weights from a GGUF file, which are unpacked now, are not finite.

    Once: it is remembered until the file changes.
    """
    state = state_of([checkpoint.path])
    if is_known(FINITE, checkpoint.path, state):
        return
    require_finite_network(network, checkpoint.model_id)
    remember(FINITE, checkpoint.path, state)


def require_finite_network(network: torch.nn.Module, model_id: str) -> None:
    """Raise ModelUnsuitable if a parameter of a network is NaN or infinite."""
    for name, weight in network.named_parameters():
        if not weight.isfinite().all():
            raise not_finite(model_id, name)
