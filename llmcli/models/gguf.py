"""What a GGUF file says of its model, with the names that the gguf package has for types."""

from dataclasses import dataclass
from typing import Any

from llmcli.errors import ModelUnsuitable
from llmcli.models.checkpoint import Checkpoint, read_config
from llmcli.models.gguf_header import Header, read_header, require_whole
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
    gguf = _package(checkpoint)
    header = checked_header(checkpoint)
    settings, kind = header.settings, header.architecture
    context, licence = settings.get(f"{kind}.context_length"), settings.get("general.license")
    return GgufMetadata(
        architecture=kind,
        parameters=sum(tensor.count for tensor in header.tensors),
        dtype=", ".join(sorted({gguf.GGMLQuantizationType(kind).name for kind in header.types})),
        context=None if context is None else int(context),
        vocabulary=settings.get("tokenizer.ggml.tokens"),
        licence=None if licence is None else str(licence),
    )


def checked_header(checkpoint: Checkpoint) -> Header:
    """The header of a file that is whole. Raises as `read_metadata` does."""
    sizes = _package(checkpoint).GGML_QUANT_SIZES
    header = read_header(checkpoint)
    require_whole(checkpoint, header, {int(kind): size for kind, size in sizes.items()})
    return header


def _package(checkpoint: Checkpoint) -> Any:
    return load_extra("gguf", checkpoint.model_id, ModelUnsuitable)


ENCODER_DECODERS = ("t5", "umt5")


def read_settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """The contents of config.json or, of a GGUF file, what stands for them: its architecture.

    Raises what `read_config` and `read_metadata` raise.
    """
    if checkpoint.gguf_file is None:
        return read_config(checkpoint)
    name = read_header(checkpoint).architecture
    if name in ENCODER_DECODERS:
        return {"model_type": name, "is_encoder_decoder": True}
    return {"model_type": name, "architectures": ["ForCausalLM"]}
