"""Writing models as folders with safetensors, in a chosen dtype; conversion of pickled weights."""

import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError

from llmcli.engines.pytorch.completeness import require_all_weights, require_finite_network
from llmcli.engines.pytorch.errors import errors_explained
from llmcli.engines.pytorch.from_pretrained import read_pickled_network, read_tokenizer
from llmcli.errors import ModelUnsuitable
from llmcli.models import hub
from llmcli.models.architectures import architectures
from llmcli.models.checkpoint import ADAPTERS, read_config
from llmcli.models.modules import copy_modules, read_modules
from llmcli.spec import Dtype, ModelSpec
from llmcli.system.file_modes import apply_umask
from llmcli.system.resource_errors import write_error


def convert_pickle(model: ModelSpec, output: Path) -> None:
    """Rewrite pickled weights as safetensors without running code from the pickle.

    output: a folder that does not exist yet, or is empty. Raises ModelNotFound; ModelUnsuitable if
    there is nothing to convert or it is damaged; InputError if `output` cannot be written.
    """
    checkpoint = hub.resolve_local(model) or hub.pull_pickle(model)
    pickles = [checkpoint.folder, *(module.folder for module in read_modules(checkpoint.root))]
    if not any(any(folder.glob("pytorch_model*.bin")) for folder in pickles):
        raise ModelUnsuitable(f"{model.model_id} has no pytorch_model.bin: nothing to convert")
    architecture = (architectures(read_config(checkpoint)) or ["AutoModel"])[0]
    with errors_explained(checkpoint):
        import transformers

        network_class = getattr(transformers, architecture, None)
        if network_class is None:
            raise ModelUnsuitable(f"transformers has no architecture {architecture!r}")
        network, info = read_pickled_network(network_class, checkpoint, model)
        require_all_weights(checkpoint, info)
        require_finite_network(network, model.model_id)
        tokenizer = read_tokenizer(checkpoint, model)
    aside = output.with_name(output.name + ".part")
    try:
        save(network, tokenizer, aside, "auto")
        for pickled in copy_modules(checkpoint, aside):
            _convert_module(pickled, aside / pickled.relative_to(checkpoint.root))
        apply_umask(aside)
        aside.replace(output)
    except (OSError, SafetensorError) as error:
        raise write_error(error, f"cannot write {output}: {error}") from None


def _convert_module(pickled: Path, target: Path) -> None:
    """Rewrite the weights of a module of sentence-transformers; no code in the pickle is run."""
    from safetensors.torch import save_file

    try:
        state = torch.load(pickled, map_location="cpu", weights_only=True)
        weights = {name: value.contiguous() for name, value in state.items()}
    except (OSError, RuntimeError, EOFError, AttributeError, UnpicklingError) as error:
        raise ModelUnsuitable(f"{pickled} cannot be converted: {error}") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, target.with_name("model.safetensors"), metadata={"format": "pt"})


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
