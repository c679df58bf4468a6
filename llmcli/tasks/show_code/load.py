"""The first lines of every --show-code script, which load the model and its tokenizer."""

from typing import Any

from llmcli.errors import UsageError
from llmcli.inference.model_settings import own_settings, unused_settings
from llmcli.models import hub
from llmcli.models.checkpoint import read_adapters, read_config
from llmcli.spec import Decoding, ModelSpec

_LOAD = """\
import torch
from transformers import {auto_class}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({source})
model = {auto_class}.from_pretrained({source}, dtype={dtype}).eval(){suffix}{device}
"""


def load_lines(model: ModelSpec, auto_class: str, suffix: str = "") -> str:
    """The lines that load a model and its tokenizer.

    suffix: code that selects a part of the model, such as `.get_encoder()`.
    """
    dtype = "float32" if model.dtype == "auto" else model.dtype
    return _LOAD.format(
        auto_class=auto_class,
        source=_source(model),
        dtype=f"torch.{dtype}",
        suffix=suffix,
        device="" if model.device == "auto" else f".to({model.device!r})",
    )


def _source(model: ModelSpec) -> str:
    """The arguments of from_pretrained: the local folder or the hub id, and how to load it."""
    checkpoint = hub.resolve_local(model)
    arguments = repr(model.model_id) if checkpoint is None else repr(str(checkpoint.folder))
    if checkpoint is not None and checkpoint.gguf_file:
        arguments += f", gguf_file={checkpoint.gguf_file!r}"
    if model.revision:
        arguments += f", revision={model.revision!r}"
    if model.trust_remote_code:
        arguments += ", trust_remote_code=True"
    return arguments


UNSET = (
    *("guidance_scale", "watermarking_config", "penalty_alpha", "dola_layers", "constraints"),
    *("force_words_ids", "token_healing", "max_time", "remove_invalid_values", "stop_strings"),
    *("cache_implementation", "num_beam_groups", "diversity_penalty", "use_mtp"),
    "prompt_lookup_num_tokens",
)
"""Settings of a model that transformers would use, and llmcli does not."""


def local_settings(model: ModelSpec) -> dict[str, Any]:
    """The generation_config.json of a model on this machine; nothing if it has none."""
    checkpoint = hub.resolve_local(model) or hub.cached_checkpoint(model)
    return {} if checkpoint is None else own_settings(checkpoint)


def unset_arguments(own: dict[str, Any], options: Decoding, *, stops: bool = False) -> list[str]:
    """The arguments of model.generate that leave out what llmcli does not use.

    own: the model's generation_config.json. options, stops: as in `unused_notes`.
    """
    unused = unused_settings(own, options, stops=stops)
    return [f"{name}=None" for name in unused if name in UNSET]


def local_config(model: ModelSpec) -> dict[str, Any] | None:
    """The configuration of a model on this machine; None if it is not here or a GGUF file."""
    checkpoint = hub.resolve_local(model) or hub.cached_checkpoint(model)
    if checkpoint is None or checkpoint.gguf_file:
        return None
    if read_adapters(checkpoint) is not None and not (checkpoint.folder / "config.json").is_file():
        raise UsageError(f"`show_code` is for whole models: {model.model_id} holds adapters alone")
    return read_config(checkpoint)
