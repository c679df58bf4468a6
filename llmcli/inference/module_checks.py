"""Settings of a checkpoint's modules that would change its vectors, and are not supported.

Each is refused by its name. What sentence-transformers ignores, or what changes no number, passes.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from llmcli.arrays import Floats
from llmcli.models.checkpoint import Checkpoint
from llmcli.models.modules import Module, setting_refused

# Arguments by which transformers finds or places a model; they change no number of it.
_PLACING = frozenset(
    """token cache_dir revision local_files_only trust_remote_code use_fast padding_side
    attn_implementation torch_dtype dtype device_map low_cpu_mem_usage use_safetensors
    add_pooling_layer output_hidden_states unpad_inputs use_memory_efficient_attention
    reference_compile""".split()
)
_ARGUMENTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("processor_kwargs", "tokenizer_args"), _PLACING | {"model_max_length"}),
    **dict.fromkeys(("model_kwargs", "model_args", "config_kwargs", "config_args"), _PLACING),
}
_PADDING = frozenset(("padding", "truncation", "return_tensors", "pad_to_multiple_of"))
_SWITCH = "pooling_mode_"


def require_transformer_first(checkpoint: Checkpoint, modules: list[Module]) -> None:
    """Raise ModelUnsuitable unless the one transformer is first, and is the one that is loaded."""
    kinds = [module.kind for module in modules]
    if kinds[0] != "Transformer":
        raise setting_refused(checkpoint, f"{kinds[0]} as its first module")
    if "Transformer" in kinds[1:]:
        raise setting_refused(checkpoint, "a second Transformer")
    first = modules[0].folder.resolve()
    if checkpoint.base is None and first != checkpoint.folder.resolve():
        raise setting_refused(checkpoint, f"the Transformer in {first.name}, not the one beside it")


def require_plain_transformer(checkpoint: Checkpoint, settings: Mapping[str, Any]) -> None:
    """Raise ModelUnsuitable for settings of the transformer that change its states or its ids."""
    for name, known in _ARGUMENTS.items():
        for key, value in _part(checkpoint, settings, name).items():
            if key not in known and value is not None:
                raise setting_refused(checkpoint, f"the setting {name}.{key}")
    processing = _part(checkpoint, settings, "processing_kwargs")
    for name in ("common", "text"):
        for key in _part(checkpoint, processing, name):
            if key not in _PADDING:
                raise setting_refused(checkpoint, f"the setting processing_kwargs.{name}.{key}")
    if settings.get("tokenizer_name_or_path") is not None:
        raise setting_refused(checkpoint, "the tokenizer of another model")
    modalities = _part(checkpoint, settings, "modality_config")
    if modalities:
        text = _part(checkpoint, modalities, "text")
        if text.get("method") != "forward" or text.get("method_output_name") not in (
            None,
            "last_hidden_state",
        ):
            raise setting_refused(checkpoint, "a modality_config without the states of a text")


def require_known_switches(
    checkpoint: Checkpoint, config: Mapping[str, Any], modes: Collection[str]
) -> None:
    """Raise ModelUnsuitable for a Pooling with a switch that is on and not one of `modes`."""
    for key, value in config.items():
        if key.startswith(_SWITCH) and value and key.removeprefix(_SWITCH) not in modes:
            raise setting_refused(checkpoint, f"the pooling {key.removeprefix(_SWITCH)}")


def _part(checkpoint: Checkpoint, settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = settings.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise setting_refused(checkpoint, f"a {name} that is no object")
    return value


def first_numbers(checkpoint: Checkpoint, count: Any) -> Callable[[Floats], Floats]:
    """The step that leaves the first numbers of a vector, as many as a `truncate_dim` says."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise setting_refused(checkpoint, f"a truncate_dim of {count!r}")

    def step(vectors: Floats) -> Floats:
        shorter: Floats = np.ascontiguousarray(vectors[..., :count])
        return shorter

    return step
