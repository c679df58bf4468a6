"""Writing models as folders with safetensors, in a chosen dtype; conversion of pickled weights."""

import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from llmcli.engines.pytorch.completeness import (
    UNUSED,
    named,
    require_all_weights,
    require_finite_network,
)
from llmcli.engines.pytorch.errors import errors_explained
from llmcli.engines.pytorch.from_pretrained import read_pickled_network, read_tokenizer
from llmcli.errors import ModelUnsuitable
from llmcli.models import hub
from llmcli.models.architectures import architectures
from llmcli.models.checkpoint import ADAPTERS, Checkpoint, read_config
from llmcli.models.modules import Module, copy_modules, read_modules
from llmcli.models.sound_weights import not_finite
from llmcli.spec import Dtype, ModelSpec
from llmcli.system import own_files
from llmcli.system.file_modes import apply_umask
from llmcli.system.resource_errors import scarce_resource, write_error

PICKLED = "pytorch_model.bin"


def convert_pickle(model: ModelSpec, output: Path) -> None:
    """Rewrite pickled weights as safetensors without running code from the pickle.

    output: a folder that does not exist yet, or is empty. Raises ModelNotFound; ModelUnsuitable if
    there is nothing to convert or it is damaged; InputError if `output` cannot be written.
    """
    checkpoint = hub.resolve_local(model) or hub.pull_pickle(model)
    modules = read_modules(checkpoint.root)
    pickles = [checkpoint.folder, *(module.folder for module in modules)]
    if not any(any(folder.glob("pytorch_model*.bin")) for folder in pickles):
        raise ModelUnsuitable(f"{model.model_id} has no pytorch_model.bin: nothing to convert")
    with errors_explained(checkpoint):
        network, info = read_pickled_network(_class_of(checkpoint), checkpoint, model)
        require_all_weights(checkpoint, info)
        if any(key.startswith(UNUSED) for key in info["missing_keys"]):
            network.pooler = None  # which the file does not have
        require_finite_network(network, model.model_id)
        tokenizer = read_tokenizer(checkpoint, model)
    read = {module.folder: _read_pickled_module(module) for module in modules[1:]}
    aside = own_files.name_aside(output, os.urandom(4).hex())
    try:
        aside.mkdir(parents=True)
        save(network, tokenizer, aside, "auto")
        for pickled in copy_modules(checkpoint, aside):
            if pickled.name == PICKLED:
                target = aside / pickled.relative_to(checkpoint.root)
                _write_module(read[pickled.parent], target.with_name("model.safetensors"))
        apply_umask(aside)
        aside.replace(output)
    except (OSError, SafetensorError) as error:
        raise write_error(error, f"cannot write {output}: {error}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _class_of(checkpoint: Checkpoint) -> Any:
    """The class of transformers that the configuration names, else AutoModel."""
    import transformers

    name = (architectures(read_config(checkpoint)) or ["AutoModel"])[0]
    network_class = getattr(transformers, name, None)
    known = (transformers.PreTrainedModel, transformers.AutoModel)
    if not isinstance(network_class, type) or not issubclass(network_class, known):
        raise ModelUnsuitable(f"transformers has no architecture {name!r}")
    return network_class


NEEDED = {"Dense": ("linear.weight",), "LayerNorm": ("norm.weight", "norm.bias")}
"""The weights of modules of sentence-transformers."""


def _read_pickled_module(module: Module) -> dict[str, torch.Tensor]:
    """The weights of a module of sentence-transformers; no code in the pickle is run.

    Empty if it is not pickled. Raises ModelUnsuitable if weights are missing or not finite.
    """
    pickled = module.folder / PICKLED
    if not pickled.is_file():
        return {}
    state = load_pickle(pickled)
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        raise ModelUnsuitable(f"{pickled} cannot be converted: it holds other things than weights")
    missing = [name for name in NEEDED.get(module.kind, ()) if name not in state]
    if missing or not state:
        raise ModelUnsuitable(f"{pickled} cannot be converted: it lacks {named(missing) or 'all'}")
    for name, value in state.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise not_finite(str(module.folder), str(name))
    return {str(name): value.contiguous() for name, value in state.items()}


def load_pickle(path: Path) -> Any:
    """What a pickle of torch holds, read without running code from it.

    Raises ModelUnsuitable for a damaged file, and for one that would run code.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch names the protocol of the pickle
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises anything
        if scarce_resource(error) is not None:
            raise
        reason = "it is damaged, or would run code when it is read"
        raise ModelUnsuitable(f"{path} is refused: {reason}") from error


def _write_module(weights: dict[str, torch.Tensor], target: Path) -> None:
    from safetensors.torch import save_file

    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, target, metadata={"format": "pt"})


def round_weights(network: Any, dtype: Dtype) -> None:
    """Round the weights of a float32 network to the values that `dtype` can store.

    Raises ModelUnsuitable if some are too large for it.
    """
    if dtype == "auto":
        return
    network.to(getattr(torch, dtype)).to(torch.float32)
    for name, weight in network.named_parameters():
        if not weight.isfinite().all():
            raise ModelUnsuitable(
                f"the weights would not be finite in `save_dtype`={dtype}, which is too narrow for "
                f"{name}: use bfloat16 or float32, with `resume`"
            )


def save(network: Any, tokenizer: Any, folder: Path, dtype: Dtype) -> None:
    """Write a Hugging Face folder with the weights in `dtype` (auto: as they are).

    If the network has adapters that are not merged: only the adapters, and its configuration.
    """
    if dtype != "auto":
        network.to(getattr(torch, dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft looks for the configuration of the base
        network.save_pretrained(folder)
    if (folder / ADAPTERS).is_file():
        base = network.get_base_model()
        base.config.architectures = [type(base).__name__]
        base.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    apply_umask(folder)


def save_state(
    config: Any, state: dict[str, torch.Tensor], tokenizer: Any, folder: Path, dtype: Dtype
) -> None:
    """Write a Hugging Face folder from weights that belong to no single class of transformers."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    if dtype != "auto":
        config.dtype = getattr(torch, dtype)
        state = {
            name: value.to(config.dtype) if value.is_floating_point() else value
            for name, value in state.items()
        }
    weights = {name: value.contiguous() for name, value in state.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    apply_umask(folder)
