"""Whether a checkpoint gave a network all of its weights: what a file lacks would be random."""

import math
import re
import sys
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
NUMBERED = re.compile(r"(.+?)\.(\d+)\.")  # a list of layers, and the number of one


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


def new_head(checkpoint: Checkpoint, network: Any, info: dict[str, Any]) -> set[str]:
    """The weights of a network that are new and random, all of which belong to its head.

    Raises ModelUnsuitable if the checkpoint lacks weights of the body, has them in another shape,
    or holds a part of a layer of the head: it is damaged then.
    """
    missing = set(info["missing_keys"])
    new = missing | {key for key, *_ in info["mismatched_keys"]}
    prefix = f"{network.base_model_prefix}."
    in_body = {key for key in new if key.startswith(prefix) and ".pooler." not in key}
    names = set(dict(network.named_parameters()))
    held = {_layer(name) for name in names - new}
    halves = {key for key in missing & names if _layer(key) in held}
    for where, keys in (("body", in_body), ("head", halves)):
        if keys:
            raise ModelUnsuitable(
                f"{checkpoint.model_id} lacks {named(keys)} of its {where}, or has them in another "
                "shape: it is damaged, or of another architecture"
            )
    return new


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def require_known_layers(checkpoint: Checkpoint, network: Any, info: dict[str, Any]) -> None:
    """Raise ModelUnsuitable if a file has more layers than the configuration states.

    All else that the network does not have belongs to another head, or is an old buffer.
    """
    lists = {
        name: len(module)
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.ModuleList)
    }
    prefix = f"{network.base_model_prefix}."  # which a model without a head has not
    layers = set()
    for key in info["unexpected_keys"]:
        for name in (key, key.removeprefix(prefix)):
            numbered = NUMBERED.match(name)
            if numbered and int(numbered[2]) >= lists.get(numbered[1], sys.maxsize):
                layers.add(key)
    if layers:
        raise ModelUnsuitable(
            f"{checkpoint.model_id} has {named(layers)}: more layers than its config.json states; "
            "correct the number there"
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
