"""GGUF files that were unpacked into the cache: ordinary Hugging Face folders.

A folder, gguf/CONTENT-..., holds config.json, generation_config.json, model.safetensors, and the
files of a tokenizer with its chat template.
"""

from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

from llmcli.models.checkpoint import Checkpoint
from llmcli.system.folder_cache import FolderCache
from llmcli.system.hashes import expected_hash, hash_file
from llmcli.system.shapes import TEXT, Between, Object

FORMAT = 1
"""Raise it when unpacking changes: folders of another format are not used."""
_NAMES = ("model_id", "file", "dtype", "version", "date")
CACHE = FolderCache(
    "gguf",
    "model.safetensors",
    Object(
        {
            **dict.fromkeys(_NAMES, TEXT),
            **dict.fromkeys(("bytes", "modified"), Between(0, 2**63)),
        },
        needs=(*_NAMES, "bytes", "modified"),
    ),
)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An unpacked GGUF file in the cache."""

    folder: Path
    model_id: str
    """The name that the user gave the model."""
    file: str
    """The path of the GGUF file."""
    dtype: str
    """Of the weights, such as "F16, F32"."""
    version: str
    """Of transformers."""
    date: str
    """In UTC, ISO 8601."""
    bytes: int
    modified: int
    """When model.safetensors was written, in nanoseconds."""


@cache
def transformers_version() -> str:
    """The version of transformers, which decides what a GGUF file means; it is not imported."""
    from importlib.metadata import PackageNotFoundError, version  # for GGUF files alone

    try:
        return version("transformers")
    except PackageNotFoundError:
        return "unknown"


def content_of(path: Path) -> str:
    """The SHA-256 digest of a GGUF file; it is read once, and again when it changes."""
    return CACHE.content_of([path], lambda: expected_hash(path) or hash_file(path))


def folder_of(content: str) -> Path:
    """The folder for an unpacked file, which may not exist yet. content: its digest."""
    return CACHE.folder / f"{content[:40]}-{transformers_version()}-{FORMAT}"


def as_folder(checkpoint: Checkpoint) -> Checkpoint:
    """The unpacked folder of a GGUF file, if the cache has it; else the checkpoint as it is."""
    if checkpoint.gguf_file is None:
        return checkpoint
    try:
        content = CACHE.known_content([checkpoint.path])
    except OSError:  # it is gone: whoever loads it will say so
        return checkpoint
    if content is None or not CACHE.is_whole(folder_of(content)):
        return checkpoint
    return in_folder(checkpoint, folder_of(content))


def in_folder(checkpoint: Checkpoint, folder: Path) -> Checkpoint:
    """A GGUF file as the folder that it was unpacked into."""
    return replace(checkpoint, folder=folder, gguf_file=None, unpacked_from=checkpoint.path)


def unpacked_files() -> list[Unpacked]:
    """All unpacked files in the cache, the newest first."""
    known = {field.name for field in fields(Unpacked)}
    whole = [
        Unpacked(folder=folder, **settings)
        for folder, settings in CACHE.entries()
        if settings.keys() < known
    ]
    return sorted(whole, key=lambda unpacked: unpacked.date, reverse=True)


def unpacked_of(name: str) -> list[Unpacked]:
    """The unpacked folders of a GGUF file, which is given by its name or its path."""
    path = str(Path(name).resolve())
    return [
        unpacked
        for unpacked in unpacked_files()
        if name == unpacked.model_id or path == unpacked.file
    ]


def remove_unpacked(unpacked: Unpacked) -> None:
    """Delete an unpacked folder. Raises InputError, DiskFull."""
    CACHE.remove(unpacked.folder)
    used = {other.folder.name.partition("-")[0] for other in unpacked_files()}
    CACHE.forget_all_but(used)
