"""The cache of converted models, and which conversion belongs to which checkpoint.

A conversion, ct2/CONTENT-GROUP-..., holds model.bin, config.json and vocabularies.
"""

import hashlib
import importlib.util
import re
from dataclasses import dataclass, fields
from pathlib import Path

from llmcli.engines.ct2.support import group_of
from llmcli.models.architectures import Kind
from llmcli.models.checkpoint import Checkpoint, weight_files
from llmcli.system.folder_cache import FolderCache
from llmcli.system.hashes import known_hash
from llmcli.system.shapes import TEXT, Between, Object

FORMAT = 2
"""Raise it when conversions change: those of another format are not used."""
CACHE = FolderCache(
    "ct2",
    "model.bin",
    Object(
        {
            **dict.fromkeys(("model_id", "checkpoint", "kind", "dtype", "version", "date"), TEXT),
            "revision": TEXT,
            **dict.fromkeys(("bytes", "modified"), Between(0, 2**63)),
        },
        needs=("model_id", "checkpoint", "kind", "dtype", "version", "date", "bytes"),
    ),
)


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted model in the cache."""

    folder: Path
    model_id: str
    """The name that the user gave the model."""
    checkpoint: str
    """The folder of the checkpoint, or the GGUF file that it was unpacked from."""
    revision: str | None
    kind: str
    """causal, seq2seq or encoder."""
    dtype: str
    version: str
    """Of CTranslate2."""
    date: str
    """In UTC, ISO 8601."""
    bytes: int
    modified: int = 0
    """When model.bin was written, in nanoseconds."""


def engine_version() -> str | None:
    """The version of CTranslate2, without importing it; None if it is not installed."""
    spec = importlib.util.find_spec("ctranslate2")
    if spec is None or not spec.submodule_search_locations:
        return None
    try:
        text = Path(spec.submodule_search_locations[0], "version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    version = re.search(r"__version__ = \"(.+)\"", text)
    return version[1] if version else None


def sources(checkpoint: Checkpoint) -> list[Path]:
    """The files that a conversion depends on. Raises ModelNotFound, ModelUnsuitable."""
    settings = [checkpoint.folder / name for name in ("config.json", "generation_config.json")]
    return [path for path in settings if path.is_file()] + weight_files(checkpoint)


def known_content(checkpoint: Checkpoint) -> str | None:
    """What identifies a model: the hub's commit, or a hash that was computed before; else None.

    Raises ModelNotFound, ModelUnsuitable.
    """
    return checkpoint.revision or CACHE.known_content(sources(checkpoint))


def content_of(checkpoint: Checkpoint) -> str:
    """As `known_content`, but computed, and stored, if it is not known."""
    if checkpoint.revision is not None:
        return checkpoint.revision
    paths = sources(checkpoint)

    def compute() -> str:
        lines = [f"{known_hash(path)} {path.name}\n" for path in paths]
        return hashlib.sha256("".join(lines).encode()).hexdigest()[:40]

    return CACHE.content_of(paths, compute)


def conversion_folder(content: str, kind: Kind, dtype: str) -> Path:
    """The folder for a conversion; the encoders of one content share it, whatever their heads."""
    return CACHE.folder / f"{content}-{group_of(kind)}-{dtype}-{engine_version()}-{FORMAT}"


def conversions() -> list[Conversion]:
    """All conversions in the cache, the newest first."""
    known = {field.name for field in fields(Conversion)}
    whole = [
        Conversion(folder=folder, **settings)
        for folder, settings in CACHE.entries()
        if settings.keys() < known
    ]
    return sorted(whole, key=lambda conversion: conversion.date, reverse=True)


def conversions_of(name: str) -> list[Conversion]:
    """The conversions of a model, which is given by its name, its folder or its GGUF file."""
    path = str(Path(name).resolve())
    return [
        conversion
        for conversion in conversions()
        if name == conversion.model_id or path == conversion.checkpoint
    ]


def remove_conversion(conversion: Conversion) -> None:
    """Delete a conversion. Raises InputError, DiskFull."""
    CACHE.remove(conversion.folder)
    CACHE.forget_all_but({other.folder.name.partition("-")[0] for other in conversions()})
