"""Converting a checkpoint for CTranslate2, once; the conversion is kept in the cache."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from llmcli.engines import own_process
from llmcli.engines.ct2.converted_models import (
    CACHE,
    content_of,
    conversion_folder,
    engine_version,
    known_content,
)
from llmcli.engines.ct2.support import UnsupportedByCt2, group_of, reason_against
from llmcli.errors import LlmcliError, ModelUnsuitable
from llmcli.models.architectures import Kind
from llmcli.models.checkpoint import Checkpoint, read_config
from llmcli.system.extras import require_extra

Dtype = Literal["float32", "int8"]


def is_converted(checkpoint: Checkpoint, kind: Kind, dtype: Dtype) -> bool:
    """True if the cache has the conversion. Reads no weights and imports nothing heavy."""
    return conversion_of(checkpoint, kind, dtype) is not None


def conversion_of(checkpoint: Checkpoint, kind: Kind, dtype: Dtype) -> Path | None:
    """The folder of a conversion in the cache; None if it has none."""
    if checkpoint.gguf_file is not None or engine_version() is None:
        return None
    try:
        content = known_content(checkpoint)
    except (LlmcliError, OSError):  # pickled or incomplete: whoever loads it will say so
        return None
    if content is None:
        return None
    folder = conversion_folder(content, kind, dtype)
    return folder if CACHE.is_whole(folder) else None


def converted(checkpoint: Checkpoint, kind: Kind, dtype: Dtype) -> Path:
    """The folder of a conversion, which is made if the cache has none.

    Its vocabularies are the ids in digits. An encoder is converted without its head. int8: weights
    as 8-bit integers with a scale for each row.

    Raises ModelUnsuitable for a model that is damaged, UnsupportedByCt2 for one with weights that
    CTranslate2 does not have, ModelNotFound for an incomplete download, InputError if the cache
    cannot be written to.
    """
    _require_convertible(checkpoint, kind)
    target = conversion_folder(content_of(checkpoint), kind, dtype)
    if CACHE.is_whole(target):
        return target
    meta = _meta(checkpoint, kind, dtype)
    CACHE.make(target, lambda folder: _convert_in_process(checkpoint, folder, dtype), meta)
    return target


def _convert_in_process(checkpoint: Checkpoint, target: Path, dtype: str) -> None:
    """Convert in a process of its own, whose memory is returned."""
    request = {
        "model_id": checkpoint.model_id,
        "folder": str(checkpoint.folder.resolve()),
        "origin": checkpoint.origin,
        "target": str(target),
        "dtype": dtype,
    }
    work = own_process.Work(
        "llmcli.engines.ct2.conversion_process",
        f"cannot convert {checkpoint.model_id} for ct2",
        CACHE.unwritable,
        {UnsupportedByCt2.__name__: UnsupportedByCt2},
    )
    own_process.run(work, request, target)


def _require_convertible(checkpoint: Checkpoint, kind: Kind) -> None:
    name = checkpoint.model_id
    if checkpoint.gguf_file is not None:
        raise ModelUnsuitable(f"{name} cannot be run by ct2: it is a GGUF file")
    if checkpoint.base is not None:
        raise ModelUnsuitable(f"{name} cannot be run by ct2: it has adapters only")
    reason = reason_against(read_config(checkpoint), kind)
    if reason is not None:
        raise ModelUnsuitable(f"{name} cannot be run by ct2: {reason}")
    require_extra("ctranslate2", "the ct2 engine")


def _meta(checkpoint: Checkpoint, kind: Kind, dtype: str) -> dict[str, str | None]:
    """What was converted, and when."""
    return {
        "model_id": checkpoint.model_id,
        "checkpoint": str((checkpoint.unpacked_from or checkpoint.folder).resolve()),
        "revision": checkpoint.revision,
        "kind": group_of(kind),
        "dtype": dtype,
        "version": engine_version(),
        "date": datetime.now(timezone.utc).isoformat("T", "seconds"),
    }
