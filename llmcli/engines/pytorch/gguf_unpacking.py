"""Writing a GGUF file as a Hugging Face folder: python -m llmcli.engines.pytorch.gguf_unpacking.

Configuration and tokenizer are those that transformers makes of the file. The weights of common
architectures are unpacked here, one tensor at a time, to the same values; transformers reads the
others, whole.
"""

import errno
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors import SafetensorError

from llmcli.engines.own_process import answer
from llmcli.engines.pytorch.completeness import require_all_weights
from llmcli.engines.pytorch.errors import errors_explained
from llmcli.engines.pytorch.from_pretrained import read_config, read_network, read_tokenizer
from llmcli.engines.pytorch.loading import target_without_task
from llmcli.engines.pytorch.saving import save
from llmcli.errors import InputError
from llmcli.models.checkpoint import Checkpoint
from llmcli.models.gguf_header import read_header
from llmcli.models.safetensors_writer import write_safetensors
from llmcli.models.sound_weights import not_finite
from llmcli.models.unpacked import in_folder
from llmcli.spec import ModelSpec
from llmcli.system.file_modes import apply_umask
from llmcli.system.resource_errors import is_disk_full

OWN = ("llama", "qwen2", "qwen3")
"""Architectures whose tensors differ from those of transformers by name and order of rows alone."""
UNUSED = ("rope_freqs.weight",)
"""Tensors that transformers does not use."""


def unpack(checkpoint: Checkpoint, folder: Path) -> None:
    """Write config.json, weights and tokenizer of a GGUF file into an empty folder.

    Raises ModelUnsuitable if it is damaged, or transformers cannot use it; InputError if a folder
    would not be read as the file is; OSError if it cannot be written.
    """
    model = ModelSpec(checkpoint.model_id)
    with errors_explained(checkpoint):
        config = read_config(checkpoint, model)
        tokenizer = read_tokenizer(checkpoint, model)
        network_class = target_without_task(config.to_dict()).network_class
        with torch.device("meta"):
            empty = network_class.from_config(config, dtype=torch.float32)
        tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(checkpoint.path).tensors}
        names = own_names(checkpoint, tensors, empty)
    if names is not None:
        weights = _weights(checkpoint.model_id, tensors, names, config)
        write_safetensors(folder / "model.safetensors", weights, names.values())
        config.architectures = [type(empty).__name__]
        config.save_pretrained(folder)
        empty.generation_config.save_pretrained(folder)
    else:
        _unpack_with_transformers(checkpoint, network_class, config, tokenizer, folder)
    save_tokenizer(checkpoint, folder, tokenizer)
    apply_umask(folder)


def own_names(checkpoint: Checkpoint, tensors: dict[str, Any], empty: Any) -> dict[str, str] | None:
    """The name in a network of each tensor in the file; None if transformers must read it.

    empty: the network on torch's meta device. Only if each tensor has a place of its shape, and
    each weight, apart from tied ones, a tensor.
    """
    architecture = read_header(checkpoint).architecture
    if architecture not in OWN:
        return None
    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    layers = empty.config.num_hidden_layers
    known = gguf.get_tensor_name_map(kinds[architecture], layers)
    names = {}
    for name in empty.state_dict():
        stem, _, ending = name.rpartition(".")
        names[f"{known.get_name(stem)}.{ending}"] = name
    shapes = {name: tuple(weight.shape) for name, weight in empty.state_dict().items()}
    used = {
        packed
        for packed, tensor in tensors.items()
        if packed not in UNUSED and shapes.get(names.get(packed, "")) == _shape(tensor)
    }
    tied = {packed for packed, name in names.items() if name in empty.all_tied_weights_keys}
    is_complete = used == set(tensors) - set(UNUSED) and set(names) - tied <= used
    return names if is_complete else None


def _shape(tensor: Any) -> tuple[int, ...]:
    """The shape of a tensor as torch has it: the innermost dimension last."""
    return tuple(int(size) for size in reversed(tensor.shape))


def _weights(
    model_id: str, tensors: dict[str, Any], names: dict[str, str], config: Any
) -> Iterator[tuple[str, Any]]:
    """Each weight by its name in the network, unpacked when it is asked for.

    Raises ModelUnsuitable for one that is not finite.
    """
    is_llama = config.model_type in ("llama", "mistral")
    for packed, name in names.items():
        if packed not in tensors:  # tied
            continue
        tensor = tensors[packed]
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        if not np.isfinite(values).all():
            raise not_finite(model_id, name)
        if is_llama and ".attn_q." in packed:
            values = in_halves(values, config.num_attention_heads)
        elif is_llama and ".attn_k." in packed:
            values = in_halves(values, config.num_key_value_heads)
        yield name, narrowed(values, tensor.tensor_type.name)


def in_halves(weight: Any, heads: int) -> Any:
    """Rows in the order of transformers: of each head, the first numbers of all rotary pairs, then
    the second ones; GGUF has the two of a pair side by side. weight: (heads * size, ...).

    >>> in_halves(np.arange(4), 1)
    array([0, 2, 1, 3])
    """
    pairs = weight.reshape(heads, -1, 2, *weight.shape[1:])
    return pairs.swapaxes(1, 2).reshape(weight.shape)


def narrowed(values: Any, stored: str) -> Any:
    """float32 values as they are stored in the file, if that is in 16 bits; bfloat16 as uint16."""
    if stored == "F16":
        return values.astype(np.float16)
    if stored == "BF16":
        return (np.ascontiguousarray(values).view(np.uint32) >> 16).astype(np.uint16)
    return values


def _unpack_with_transformers(
    checkpoint: Checkpoint, network_class: Any, config: Any, tokenizer: Any, folder: Path
) -> None:
    """Let transformers read the whole network, and save it. Raises OSError, ModelUnsuitable."""
    model = ModelSpec(checkpoint.model_id)
    with errors_explained(checkpoint):
        network, info = read_network(network_class, checkpoint, model, config, torch.float32)
    require_all_weights(checkpoint, info)
    try:
        save(network, tokenizer, folder, "auto")
    except SafetensorError as error:
        number = errno.ENOSPC if is_disk_full(error) else errno.EIO
        raise OSError(number, str(error)) from None


def save_tokenizer(checkpoint: Checkpoint, folder: Path, tokenizer: Any) -> None:
    """Write a tokenizer. Raises InputError if another one would be read from the folder."""
    tokenizer.save_pretrained(folder)
    unpacked = in_folder(checkpoint, folder)
    with errors_explained(unpacked):
        again = read_tokenizer(unpacked, ModelSpec(checkpoint.model_id))
    if tokenizer.backend_tokenizer.to_str() != again.backend_tokenizer.to_str():
        raise InputError(f"{checkpoint.model_id} has a tokenizer that changes when it is saved")


def main(request: str) -> int:
    """Unpack as a request in JSON says; return the exit code."""
    fields = json.loads(request)
    folder = Path(fields["folder"])
    checkpoint = Checkpoint(fields["model_id"], folder, fields["origin"], gguf_file=fields["file"])
    return answer(partial(unpack, checkpoint, Path(fields["target"])), checkpoint.path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
