"""Writing models: folders of safetensors, in a dtype, also from a pickle."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from llmcli.engines.pytorch.errors import errors_explained
from llmcli.engines.pytorch.loading import _common, _tokenizer
from llmcli.errors import InputError, ModelUnsuitable
from llmcli.models import hub
from llmcli.models.architectures import architectures
from llmcli.models.checkpoint import ADAPTERS, read_config
from llmcli.spec import Dtype, ModelSpec


def convert_pickle(spec: ModelSpec, output: Path) -> None:
    """Rewrite pickled weights as safetensors; torch's weights-only reader runs no code.

    output: a folder that is not there yet, or empty. Raises ModelNotFound; ModelUnsuitable if
    there is nothing to convert or it is damaged; InputError if `output` cannot be written.
    """
    checkpoint = hub.resolve_local(spec) or hub.pull_pickle(spec)
    if not any(checkpoint.folder.glob("pytorch_model*.bin")):
        raise ModelUnsuitable(f"{spec.model_id} has no pytorch_model.bin: nothing to convert")
    architecture = (architectures(read_config(checkpoint)) or ["AutoModel"])[0]
    with errors_explained(checkpoint):
        import transformers

        model_class = getattr(transformers, architecture, None)
        if model_class is None:
            raise ModelUnsuitable(f"transformers has no architecture {architecture!r}")
        model = model_class.from_pretrained(
            checkpoint.folder, use_safetensors=False, **_common(checkpoint, spec)
        )
        tokenizer = _tokenizer(checkpoint, spec)
    aside = output.with_name(output.name + ".part")
    try:
        save(model, tokenizer, aside, "auto")
        aside.replace(output)
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot write {output}: {error}") from None


def round_weights(model: Any, dtype: Dtype) -> None:
    """Give the weights of a float32 model the values that they will be stored with."""
    if dtype != "auto":
        model.to(getattr(torch, dtype)).to(torch.float32)


def save(model: Any, tokenizer: Any, folder: Path, dtype: Dtype) -> None:
    """Write a Hugging Face folder, the weights in `dtype` (auto: as they are).

    Of a model with adapters that are not merged, the adapters alone, with its configuration.
    """
    if dtype != "auto":
        model.to(getattr(torch, dtype))
    model.save_pretrained(folder)
    if (folder / ADAPTERS).is_file():
        whole = model.get_base_model()
        whole.config.architectures = [type(whole).__name__]
        whole.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_state(
    config: Any, state: dict[str, torch.Tensor], tokenizer: Any, folder: Path, dtype: Dtype
) -> None:
    """Write a Hugging Face folder of weights that no single class holds."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    if dtype != "auto":
        config.dtype = getattr(torch, dtype)
        state = {
            name: value.to(config.dtype) if value.is_floating_point() else value
            for name, value in state.items()
        }
    whole = {name: value.contiguous() for name, value in state.items()}
    save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
