"""The cache of converted models, and which conversion belongs to which checkpoint.

ct2/known/DIGEST          the content hash of files whose paths, sizes and modification times
                          have this digest, so that a start need not read them
ct2/CONTENT-GROUP-...     a conversion: model.bin, config.json, vocabularies, meta.json
ct2/.making-...           an unfinished conversion, perhaps of a process that was killed
"""

import hashlib
import importlib.util
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from llmcli.engines.ct2.support import group_of
from llmcli.errors import InputError, LlmcliError
from llmcli.models.architectures import Kind
from llmcli.models.checkpoint import Checkpoint, weight_files
from llmcli.system import own_files
from llmcli.system.cache import cache_root, state_of
from llmcli.system.hashes import known_hash
from llmcli.system.metadata import Metadata
from llmcli.system.resource_errors import write_error
from llmcli.system.shapes import TEXT, Between, Object

FORMAT = 2
"""Raise it when conversions change: those of another format are not used."""
META = "meta.json"
DESCRIPTION = Object(
    {
        **dict.fromkeys(("model_id", "checkpoint", "kind", "dtype", "version", "date"), TEXT),
        "revision": TEXT,
        **dict.fromkeys(("bytes", "modified"), Between(0, 2**63)),
    },
    needs=("model_id", "checkpoint", "kind", "dtype", "version", "date", "bytes"),
)
MAKING = ".making-"
KNOWN = "known"
DAY = 24 * 3600  # seconds
SECOND = 10**9  # nanoseconds


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted model in the cache."""

    folder: Path
    model_id: str
    """The name that the user gave the model."""
    checkpoint: str
    """The folder of the checkpoint."""
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


def cache_folder() -> Path:
    """The folder for all conversions, which may not exist yet."""
    return cache_root() / "ct2"


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
    if checkpoint.revision is not None:
        return checkpoint.revision
    try:
        return (cache_folder() / KNOWN / state_of(sources(checkpoint))).read_text(encoding="ascii")
    except OSError:
        return None


def content_of(checkpoint: Checkpoint) -> str:
    """As `known_content`, but computed, and stored, if it is not known."""
    known = known_content(checkpoint)
    if known is not None:
        return known
    # Before the files are read, in case they change during that.
    state = state_of(sources(checkpoint))
    lines = [f"{known_hash(path)} {path.name}\n" for path in sources(checkpoint)]
    content = hashlib.sha256("".join(lines).encode()).hexdigest()[:40]
    with suppress(OSError):  # a read-only cache may have the conversion nevertheless
        path = cache_folder() / KNOWN / state
        path.parent.mkdir(parents=True, exist_ok=True)
        with own_files.replacing(path) as file:
            file.write(content.encode("ascii"))
    return content


def conversion_folder(content: str, kind: Kind, dtype: str) -> Path:
    """The folder for a conversion; the encoders of one content share it, whatever their heads."""
    return cache_folder() / f"{content}-{group_of(kind)}-{dtype}-{engine_version()}-{FORMAT}"


def is_whole(folder: Path) -> bool:
    """True if a conversion is there as it was written: its files have the same size and time.

    A time in whole seconds is enough where a copy of the cache kept no more.
    """
    try:
        settings = Metadata(folder / META).json(DESCRIPTION)
        written, now = settings["modified"], modified(folder)
        return bool(
            settings["bytes"] == size_of(folder)
            and (now == written or (now % SECOND == 0 and now // SECOND == written // SECOND))
        )
    except (InputError, OSError, KeyError):
        return False


def size_of(folder: Path) -> int:
    """Bytes of the files of a conversion, beside what describes it."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.name != META)


def modified(folder: Path) -> int:
    """When the weights of a conversion were written, in nanoseconds."""
    return (folder / "model.bin").stat().st_mtime_ns


def conversions() -> list[Conversion]:
    """All conversions in the cache, the newest first."""
    found: list[Conversion] = []
    for path in cache_folder().glob(f"[!.]*/{META}"):
        try:
            settings = Metadata(path).json(DESCRIPTION)
            found.append(Conversion(folder=path.parent, **settings))
        except (InputError, TypeError):  # of another program, or being removed
            continue
    return sorted(found, key=lambda conversion: conversion.date, reverse=True)


def conversions_of(name: str) -> list[Conversion]:
    """The conversions of a model, which is given by its name or its folder."""
    folder = str(Path(name).resolve())
    return [
        conversion
        for conversion in conversions()
        if name == conversion.model_id or folder == conversion.checkpoint
    ]


def remove_conversion(conversion: Conversion) -> None:
    """Delete a conversion. Raises InputError, DiskFull."""
    remove_folder(conversion.folder)
    _forget_unused()


def remove_folder(folder: Path) -> None:
    """Delete the folder of a conversion. Raises InputError."""
    with explained():
        gone = new_name()
        folder.rename(gone)  # atomic, so that there is never half a conversion
        shutil.rmtree(gone)


def _forget_unused() -> None:
    """Delete the content hashes of models that have no conversion any more."""
    used = {conversion.folder.name.partition("-")[0] for conversion in conversions()}
    for path in (cache_folder() / KNOWN).glob("*"):
        with suppress(OSError):  # another process was faster
            if path.read_text(encoding="ascii") not in used:
                path.unlink()


def clean() -> None:
    """Delete unfinished conversions that are more than a day old."""
    for path in cache_folder().glob(f"{MAKING}*"):
        with suppress(OSError):  # another process was faster
            if time.time() - path.stat().st_mtime > DAY:
                shutil.rmtree(path)


def new_name() -> Path:
    """A path in the cache for a folder that is being made or removed."""
    return cache_folder() / f"{MAKING}{os.getpid()}-{os.urandom(4).hex()}"


@contextmanager
def explained() -> Iterator[None]:
    """Turn an OSError in the cache into an error that says what to do."""
    try:
        yield
    except OSError as error:
        raise unwritable(error) from None


def unwritable(error: OSError) -> LlmcliError:
    """The error for a cache that cannot be written to: DiskFull or InputError."""
    return write_error(
        error,
        f"cannot store the converted model in {cache_folder()}: {error.strerror or error}; "
        "set LLMCLI_CACHE to another folder",
    )
