"""Put the layers of this folder in the place of a model's own, where they fit it."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from llmcli.engines.base import Loaded
from llmcli.engines.pytorch.encoders.architectures import ARCHITECTURES, Architecture
from llmcli.engines.pytorch.encoders.kernels import Kernels, gpu_kernels, kernels_for
from llmcli.engines.pytorch.encoders.layer import Layer
from llmcli.engines.pytorch.encoders.parts import Parts
from llmcli.engines.pytorch.encoders.rows import select_tokens
from llmcli.engines.pytorch.encoders.stack import Stack
from llmcli.models.architectures import Kind
from llmcli.system.memory import forget

DTYPES = (torch.float32, torch.bfloat16)


def speed_up(loaded: Loaded, *, is_int8: bool = False) -> bool:
    """Compute a model's layers with the fastest kernels of this machine, if they fit."""
    network = loaded.network
    if network.device.type == "cuda":
        heads, width = (
            getattr(network.config, name, 0) for name in ("num_attention_heads", "hidden_size")
        )
        kernels = gpu_kernels(network.dtype, width // heads) if heads and width else None
        return kernels is not None and install(network, loaded.kind, kernels)
    if network.device.type != "cpu" or network.dtype not in DTYPES:
        return False
    return install(network, loaded.kind, kernels_for(network.dtype, is_int8=is_int8))


def install(network: nn.Module, kind: Kind, kernels: Kernels) -> bool:
    """Replace the layers of an encoder on a CPU; returns False, and changes nothing, if they do not
    fit. The network can then only be used for inference.

    Embeddings and head stay as they are. Weights are released layer by layer, so that they are
    never all held twice.
    """
    body: Any = getattr(network, "base_model", network)
    architecture = ARCHITECTURES.get(getattr(body.config, "model_type", ""))
    if architecture is None or not _fits(body, architecture, kernels):
        return False
    if kernels.varlen is not None and architecture.positions_of is not None:
        return False  # its scores depend on where tokens are, of which the kernel knows nothing
    config, layers = body.config, body.get_submodule(architecture.layers)
    shape, kinds = architecture.shape(config), architecture.kinds(config, len(layers))
    positions_of = architecture.positions_of
    count = len(layers)
    made, released = [], True
    for at in range(count):
        parts = architecture.names.parts(layers[0])
        made.append(Layer(parts, shape, kernels, is_last=at == count - 1))
        del layers[0]
        released &= _release(parts, kernels)
    layers.append(
        Stack(
            made,
            kinds,
            None if positions_of is None else positions_of(body),
            only_first=kind == "classifier" and architecture.reads_first(config),
            gives_tuple=architecture.gives_tuple,
        )
    )
    if kind == "masked" and body is not network:  # else it was loaded without its head
        select_tokens(network, network.get_submodule(architecture.head))
    if not released:  # what is left would keep the whole file of weights in memory
        for rest in _tensors(network):
            rest.data = rest.data.clone()
    return True


def _fits(body: Any, architecture: Architecture, kernels: Kernels) -> bool:
    """Whether all layers are of the architecture's class, with plain modules of known forms."""
    config = body.config
    if getattr(config, "is_decoder", False) or getattr(config, "chunk_size_feed_forward", 0):
        return False
    try:
        layers = list(body.get_submodule(architecture.layers))
        parts = [architecture.names.parts(layer) for layer in layers]
    except AttributeError:
        return False
    return bool(layers) and all(
        type(layer).__name__ == architecture.layer_class
        and type(layer).__module__.startswith("transformers.models.")
        and _is_plain(part, kernels)
        for layer, part in zip(layers, parts, strict=True)
    )


def _is_plain(parts: Parts, kernels: Kernels) -> bool:
    linear = (*parts.queries, parts.out, parts.up, parts.down)
    norms = [norm for norm in (parts.attention_norm, parts.feed_norm) if _is_norm(norm)]
    return len(norms) == 2 and all(
        type(layer) is nn.Linear
        and layer.weight.device.type == kernels.device
        and (layer.weight.dtype in DTYPES or kernels.varlen is not None)
        and kernels.takes(layer.weight)
        for layer in linear
    )


def _is_norm(module: nn.Module) -> bool:
    return type(module) in (nn.LayerNorm, nn.Identity)


def _release(parts: Parts, kernels: Kernels) -> bool:
    """Free the weights of a layer that were copied, if they are mapped from a file."""
    released = True
    if kernels.device != "cpu":
        return released
    for layer in (*parts.queries, parts.out, parts.up, parts.down):
        if kernels.copies or layer in parts.queries and len(parts.queries) > 1:
            released &= forget(layer.weight.data_ptr(), layer.weight.nbytes)
    return released


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    yield from network.parameters()
    yield from network.buffers()
