"""Loading a model for CTranslate2: its conversion from the cache, and a light tokenizer."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmcli.engines.base import INT8, Loaded, Placement
from llmcli.engines.checked import checked
from llmcli.engines.ct2.conversion import Dtype, conversion_of, converted
from llmcli.engines.ct2.engine import Ct2Engine
from llmcli.engines.ct2.support import (
    UnsupportedByCt2,
    group_of,
    label_count,
    reason_against,
    with_defaults,
)
from llmcli.errors import ModelUnsuitable
from llmcli.models.architectures import Kind, context_length
from llmcli.models.checkpoint import Checkpoint, read_json, weight_files
from llmcli.spec import ModelSpec
from llmcli.system.extras import require_extra
from llmcli.system.memory import make_ready
from llmcli.system.resource_errors import scarce_resource
from llmcli.tokenization.base import LightTokenizer, UnsupportedTokenizer
from llmcli.tokenization.load import load_tokenizer

if TYPE_CHECKING:
    from llmcli.engines.ct2.heads import Head

NOTABLE = 100 << 20  # bytes of weights whose conversion takes more than a moment


class Settings:
    """The settings of a JSON file as attributes; one that the file leaves out is None."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint to convert and load, and what for."""

    checkpoint: Checkpoint
    kind: Kind
    settings: dict[str, Any]
    """The contents of its config.json."""
    reads_file: bool = False
    """It gets the texts of a file, not a text or two."""


def load_converted(model: ModelSpec, source: Source, note: Callable[[str], None]) -> Loaded:
    """Load a model, and convert it first unless the cache has a conversion.

    note: receives a line before a long conversion.
    Raises UnsupportedByCt2 if torch must run the model; InputError without ctranslate2, or if the
    conversion cannot be stored; ModelNotFound for an incomplete download.
    """
    require_extra("ctranslate2", "the ct2 engine")
    checkpoint, kind, settings = source.checkpoint, source.kind, source.settings
    reason = reason_against(settings, kind) or _unstated(settings)
    if reason is not None:
        raise UnsupportedByCt2(reason)
    dtype: Dtype = "int8" if model.dtype == "int8" else "float32"
    full = with_defaults(settings)
    try:
        engine, tokenizer = _open(replace(source, settings=full), dtype, note)
    except UnsupportedTokenizer as error:
        raise UnsupportedByCt2(str(error)) from None
    except ModelUnsuitable as error:
        raise UnsupportedByCt2(str(error), is_damage=True) from None
    tokenizer.allow_special = model.allow_special
    precision = "float32 (exact)" if dtype == "float32" else INT8
    loaded = Loaded(
        None,
        tokenizer,
        kind,
        context_length(settings),
        checkpoint,
        Placement("cpu", dtype, f"cpu by ct2, {precision}"),
        config=Settings(_config(full)),
        generation_config=generation_config(checkpoint, full),
        engine=engine,
        rows=settings["vocab_size"],
    )
    return checked(loaded)


def _unstated(settings: dict[str, Any]) -> str | None:
    """What config.json leaves out that must be known; None if it states all."""
    if context_length(settings) is None and settings["model_type"] != "t5":
        return "its config.json does not say how many positions it has"
    if not isinstance(settings.get("vocab_size"), int):
        return "its config.json does not say how many tokens it has"
    return None


def _open(
    source: Source, dtype: Dtype, note: Callable[[str], None]
) -> tuple[Ct2Engine, LightTokenizer]:
    """Read weights and tokenizer at the same time: a large vocabulary takes a third as long."""
    checkpoint, kind = source.checkpoint, source.kind
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(load_tokenizer, checkpoint)
        head = _head(source) if group_of(kind) == "encoder" else None
        folder = conversion_of(checkpoint, kind, dtype)
        if folder is None:
            reading.result()  # raises before a conversion that would be useless
            if sum(path.stat().st_size for path in weight_files(checkpoint)) > NOTABLE:
                note(f"converting {checkpoint.model_id} for the ct2 engine: once, into the cache")
            folder = converted(checkpoint, kind, dtype)
        make_ready((folder / "model.bin").stat().st_size)
        return _engine(folder, source, head), reading.result()


def _head(source: Source) -> "Head":
    from llmcli.engines.ct2.heads import read_head  # imports numpy, which others do not need

    return read_head(source.checkpoint, source.kind, source.settings)


def _engine(folder: Path, source: Source, head: "Head | None") -> Ct2Engine:
    """The engine of a conversion. Raises ModelUnsuitable if CTranslate2 cannot read it."""
    try:
        return Ct2Engine(folder, source.kind, head, reads_file=source.reads_file)
    except (RuntimeError, ValueError) as error:
        reason = ModelUnsuitable(f"the conversion {folder} is damaged: {error}; remove that folder")
        raise scarce_resource(error) or reason from None


def _config(full: dict[str, Any]) -> dict[str, Any]:
    """config.json with the labels that transformers would give."""
    names = full.get("id2label")
    labels = {int(at): name for at, name in names.items()} if isinstance(names, dict) else None
    count = label_count(full)
    labels = labels or {at: f"LABEL_{at}" for at in range(count)}
    return {"is_encoder_decoder": False, **full, "id2label": labels, "num_labels": count}


def generation_config(checkpoint: Checkpoint, full: dict[str, Any]) -> Settings:
    """The settings in generation_config.json; without that file, those in config.json."""
    path = checkpoint.folder / "generation_config.json"
    return Settings(read_json(checkpoint, path) if path.is_file() else full)
