"""LoRA: low-rank adapters, added with the peft library."""

import warnings
from typing import Any

from llmcli.engines.pytorch.errors import first_line
from llmcli.engines.pytorch.from_pretrained import peft_library, with_saved_adapters
from llmcli.errors import ModelUnsuitable, UsageError
from llmcli.models.checkpoint import Checkpoint
from llmcli.spec.training import LoraOptions


def with_adapters(model: Any, task_type: str, options: LoraOptions) -> Any:
    """Freeze a model and add adapters to its linear layers; its head stays fully trainable.

    The head of a language model is the exception: it is frozen too (see `heads`).
    task_type: one of peft's TaskType.
    Source: Hu et al. 2021, "LoRA", with their scaling factor, alpha / rank.
    Raises UsageError if no layer matches `lora_targets`, ModelUnsuitable if there are no layers.
    """
    peft = peft_library()
    layers = linear_layers(model)
    if not layers:
        raise ModelUnsuitable("the model has no linear layers that adapters can be added to")
    targets = list(options.lora_targets) or layers
    try:
        settings = peft.LoraConfig(
            task_type=task_type,
            r=options.lora_rank,
            lora_alpha=options.lora_alpha or 2.0 * options.lora_rank,
            lora_dropout=options.lora_dropout,
            target_modules=targets,
            modules_to_save=heads(model) or None,
            fan_in_fan_out=model.config.model_type == "gpt2",  # GPT-2's Conv1D stores W transposed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft uses deprecated transformers APIs
            return peft.get_peft_model(model, settings)
    except ValueError as error:
        known = ", ".join(layers[:12])
        reason = first_line(str(error))
        raise UsageError(f"`lora_targets`: {reason}; this model has {known}") from None


def continued(model: Any, checkpoint: Checkpoint, options: LoraOptions) -> Any:
    """Add the adapters of a checkpoint to the model that they are for, to train them further.

    They keep their settings. Raises UsageError where `options` ask for others.
    """
    adapted, _ = with_saved_adapters(model, checkpoint, trains=True)
    (own,) = adapted.peft_config.values()
    asked = {
        "lora_rank": (options.lora_rank, own.r),
        "lora_alpha": (options.lora_alpha, own.lora_alpha),
    }
    asked["lora_dropout"] = (options.lora_dropout, own.lora_dropout)
    for name, (value, kept) in asked.items():
        if value not in (getattr(LoraOptions(), name), kept):
            raise UsageError(f"`{name}` {value}: the adapters have {kept}; leave it out")
    if options.lora_targets and set(options.lora_targets) != set(own.target_modules):
        names = ",".join(sorted(own.target_modules))
        raise UsageError(f"`lora_targets`: the adapters have {names}; leave it out")
    return adapted


def name_base(model: Any, base: Checkpoint) -> None:
    """Write into new adapters, if a model has some, which model they are for.

    peft would write the folder in the cache or in the package, which is not there elsewhere.
    """
    settings = getattr(model, "peft_config", {}).get("default")
    if settings is None or base.base is not None:  # trained further: they keep their base
        return
    is_local = base.origin == "local"
    settings.base_model_name_or_path = str(base.path.resolve()) if is_local else base.model_id
    settings.revision = base.revision


def without_adapters(model: Any) -> Any:
    """The model that adapters were added to, its layers now with them; other models unchanged."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


def merged(model: Any) -> Any:
    """Merge the adapters of a model into its weights; return other models unchanged."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def linear_layers(model: Any) -> list[str]:
    """Return the sorted name endings of the linear layers in a model's repeated blocks.

    These are the attention and feed-forward layers in every architecture: heads and embeddings
    lie outside the blocks.
    """
    names = {
        name.rpartition(".")[2] if not name.rpartition(".")[2].isdigit() else name
        for name, module in model.named_modules()
        if type(module).__name__ in LINEAR and _in_block(name)
    }
    dense = {
        ".".join(name.split(".")[-2:])
        for name, module in model.named_modules()
        if type(module).__name__ in LINEAR and _in_block(name) and name.endswith(".dense")
    }
    names = (names - {"dense", "dt_proj"}) | dense  # BERT names three different layers `dense`
    return sorted(names - READ_BY_KERNELS if _is_mamba(model) else names)


LINEAR = ("Linear", "Conv1D", "FalconLinear")
"""Classes that multiply by a matrix and do no more; others of the kind choose experts, say."""
MAMBAS = ("mamba", "mamba2", "falcon_mamba", "falcon_h1", "nemotron_h")
READ_BY_KERNELS = {"out_proj"}
"""Layers of these whose weights a kernel reads itself, without an adapter: peft refuses them. In
all models that have it, `dt_proj` is read so too."""


def _is_mamba(model: Any) -> bool:
    return model.config.model_type in MAMBAS


def _in_block(name: str) -> bool:
    return any(part.isdigit() for part in name.split("."))


def heads(model: Any) -> list[str]:
    """Return the names of the modules that form a model's task head, with the body's pooler.

    Empty for language models.
    """
    body = model.base_model_prefix
    output = model.get_output_embeddings()
    if output is not None:  # usually tied to the input embeddings
        return []
    names = [
        name
        for name, module in model.named_children()
        if name != body and any(True for _ in module.parameters())
    ]
    pooler = getattr(getattr(model, body, None), "pooler", None)
    return names + (["pooler"] if pooler is not None else [])
