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


def load_lines(spec: ModelSpec, auto_class: str, part: str = "") -> str:
    """The lines that load a model, or a part of it, and its tokenizer."""
    dtype = "float32" if spec.dtype == "auto" else spec.dtype
    return _LOAD.format(
        auto_class=auto_class,
        source=_source(spec),
        dtype=f"torch.{dtype}",
        part=part,
        device="" if spec.device == "auto" else f".to({spec.device!r})",
    )


def _source(spec: ModelSpec) -> str:
    """The arguments of from_pretrained; a hub id stays as it is."""
    checkpoint = hub.resolve_local(spec)
    source = repr(spec.model_id) if checkpoint is None else repr(str(checkpoint.folder))
    if checkpoint is not None and checkpoint.gguf_file:
        source += f", gguf_file={checkpoint.gguf_file!r}"
    if spec.revision:
        source += f", revision={spec.revision!r}"
    if spec.trust_remote_code:
        source += ", trust_remote_code=True"
    return source


def local_config(spec: ModelSpec) -> dict[str, Any] | None:
    """The configuration of a model that is on this machine; nothing is fetched."""
    checkpoint = hub.resolve_local(spec) or hub.cached_checkpoint(spec)
    if checkpoint is None or checkpoint.gguf_file:
        return None
    return read_config(checkpoint)
