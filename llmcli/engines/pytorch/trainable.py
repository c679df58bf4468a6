"""Loading a model for training: a checkpoint whose head may be new."""

from typing import Any

import torch

from llmcli.engines.base import Loaded
from llmcli.engines.pytorch.completeness import new_head, require_known_layers
from llmcli.engines.pytorch.device import place
from llmcli.engines.pytorch.errors import errors_explained
from llmcli.engines.pytorch.from_pretrained import read_config, read_network, read_tokenizer
from llmcli.engines.pytorch.loading import AUTO_CLASSES, assemble
from llmcli.errors import ModelUnsuitable
from llmcli.models import hub
from llmcli.models.architectures import DESCRIPTIONS, Kind
from llmcli.models.checkpoint import weight_files
from llmcli.models.gguf import read_settings
from llmcli.models.sound_weights import require_sound
from llmcli.spec import ModelSpec


def load_trainable(
    model: ModelSpec, kind: Kind, changes: dict[str, Any]
) -> tuple[Loaded, list[str]]:
    """Load a model to be trained as `kind`, in float32 on the CPU; its head may be new.

    changes: to its configuration, such as the labels. Also returns the names of the weights that
    are new and random. Raises as `load` does, and ModelUnsuitable if the architecture has no such
    head or if weights of the body are missing.
    """
    checkpoint = hub.resolve(model)
    require_sound(checkpoint)
    network_class = AUTO_CLASSES[kind]
    with errors_explained(checkpoint):
        config = read_config(checkpoint, model)
        for name, value in changes.items():
            setattr(config, name, value)
        tokenizer = read_tokenizer(checkpoint, model)
        if type(config) not in network_class._model_mapping:
            raise ModelUnsuitable(f"{model.model_id} cannot be trained as {DESCRIPTIONS[kind]}")
        network, info = read_network(network_class, checkpoint, model, config, torch.float32)
    require_known_layers(checkpoint, network, info)
    new = new_head(checkpoint, network, info)
    placement = place("cpu", "float32")
    return assemble(network, tokenizer, kind, checkpoint, placement), sorted(new)


def known_labels(model: ModelSpec) -> list[str]:
    """The labels that a checkpoint was trained with; empty if it has placeholders only."""
    settings = read_settings(hub.resolve(model))
    names = settings.get("id2label")
    if not isinstance(names, dict) or not isinstance(settings.get("label2id"), dict):
        return []
    labels = [str(names[at]) for at in sorted(names, key=int)]
    return [] if all(label.startswith("LABEL_") for label in labels) else labels


def take_weights(network: Any, model: ModelSpec, names: list[str]) -> list[str]:
    """Copy the weights `names` of another checkpoint, `model`, into a network.

    Returns the names that were found there with the same shape. Raises as `load` does.
    """
    from safetensors import safe_open

    checkpoint = hub.resolve(model)
    require_sound(checkpoint)
    parameters = dict(network.named_parameters())
    taken = []
    for path in weight_files(checkpoint):
        with safe_open(path, framework="pt") as file:
            for name in set(file.keys()) & set(names) & set(parameters):
                value = file.get_tensor(name)
                if value.shape == parameters[name].shape:
                    parameters[name].data.copy_(value)
                    taken.append(name)
    return sorted(taken)
