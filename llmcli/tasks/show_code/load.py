"""The beginning of every script that --show-code prints: what is loaded, and from where."""

from typing import Any

from llmcli.models import hub
from llmcli.models.checkpoint import read_config
from llmcli.spec import ModelSpec

_LOAD = """\
import torch
from transformers import {auto_class}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({source})
model = {auto_class}.from_pretrained({source}, dtype={dtype}).eval(){part}{device}
"""


def load_lines(model: ModelSpec, auto_class: str, part: str = "") -> str:
    """The lines that load a model, or a part of it, and its tokenizer."""
    dtype = "float32" if model.dtype == "auto" else model.dtype
    return _LOAD.format(
        auto_class=auto_class,
        source=_source(model),
        dtype=f"torch.{dtype}",
        part=part,
        device="" if model.device == "auto" else f".to({model.device!r})",
    )


def _source(model: ModelSpec) -> str:
    """The arguments of from_pretrained; a hub id stays as it is."""
    checkpoint = hub.resolve_local(model)
    source = repr(model.model_id) if checkpoint is None else repr(str(checkpoint.folder))
    if checkpoint is not None and checkpoint.gguf_file:
        source += f", gguf_file={checkpoint.gguf_file!r}"
    if model.revision:
        source += f", revision={model.revision!r}"
    if model.trust_remote_code:
        source += ", trust_remote_code=True"
    return source


def local_config(model: ModelSpec) -> dict[str, Any] | None:
    """The configuration of a model that is on this machine; nothing is fetched."""
    checkpoint = hub.resolve_local(model) or hub.cached_checkpoint(model)
    if checkpoint is None or checkpoint.gguf_file:
        return None
    return read_config(checkpoint)
