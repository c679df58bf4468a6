"""The header of a GGUF file, read with the gguf package."""

import struct
from dataclasses import dataclass
from typing import Any

from llmcli.errors import ModelUnsuitable
from llmcli.models.checkpoint import Checkpoint, check_gguf, read_config
from llmcli.system.extras import load_extra


@dataclass(frozen=True, slots=True)
class GgufMetadata:
    """The metadata that `llmcli models show` prints."""

    architecture: str
    parameters: int
    dtype: str
    """All types of its tensors, such as "F32, Q4_K"."""
    context: int | None
    vocabulary: int | None
    """Number of tokens."""
    licence: str | None


def read_metadata(checkpoint: Checkpoint) -> GgufMetadata:
    """Read the header. Raises ModelUnsuitable if it is damaged or the package is missing."""
    check_gguf(checkpoint)
    gguf = load_extra("gguf", checkpoint.model_id, ModelUnsuitable)
    path = checkpoint.path
    try:
        reader = gguf.GGUFReader(path)
    except (ValueError, IndexError, KeyError, OSError, struct.error) as error:
        raise ModelUnsuitable(f"{path} is damaged: {error}; copy it again") from None
    kind = str(_value(reader, "general.architecture"))
    tokens = reader.get_field("tokenizer.ggml.tokens")
    context = _value(reader, f"{kind}.context_length")
    licence = _value(reader, "general.license")
    return GgufMetadata(
        architecture=kind,
        parameters=sum(int(tensor.n_elements) for tensor in reader.tensors),
        dtype=", ".join(sorted({tensor.tensor_type.name for tensor in reader.tensors})),
        context=None if context is None else int(context),
        vocabulary=None if tokens is None else len(tokens.data),
        licence=None if licence is None else str(licence),
    )


ENCODER_DECODERS = ("t5", "umt5")


def read_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """The contents of config.json or, of a GGUF file, what stands for them: its architecture.

    Raises what `read_config` and `read_metadata` raise.
    """
    if checkpoint.gguf_file is None:
        return read_config(checkpoint)
    metadata = read_metadata(checkpoint)
    if metadata.architecture in ENCODER_DECODERS:
        return {"model_type": metadata.architecture, "is_encoder_decoder": True}
    return {"model_type": metadata.architecture, "architectures": ["ForCausalLM"]}


def _value(reader: Any, key: str) -> Any:
    field = reader.get_field(key)
    return None if field is None else field.contents()
