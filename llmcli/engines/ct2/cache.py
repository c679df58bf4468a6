"""Where converted models are kept, and which conversion belongs to which checkpoint.

ct2/known/DIGEST          the content hash of the files whose paths, sizes and times of
                          change have this digest: a start need not read a model to know it
ct2/CONTENT-GROUP-...     a conversion: model.bin, config.json, vocabularies, meta.json
ct2/.making-...           one that is being made, or was when its process was killed
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from llmcli.engines.ct2.support import group_of
from llmcli.errors import InputError
from llmcli.models.architectures import Kind
from llmcli.models.checkpoint import Checkpoint, weight_files
from llmcli.system.hashes import hash_file

FORMAT = 1
"""To be raised when the same checkpoint is to be converted otherwise than before."""
META = "meta.json"
MAKING = ".making-"
KNOWN = "known"
DAY = 24 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted model in the cache."""

    folder: Path
    model_id: str
    """What the user called the model when it was converted."""
    checkpoint: str
    """The folder that it was converted from."""
    revision: str | None
    kind: str
    """causal, seq2seq or encoder."""
    dtype: str
    version: str
    """Of CTranslate2."""
    date: str
    """UTC, ISO 8601."""
    bytes: int


def cache_folder() -> Path:
    """The folder for all conversions; it may not be there yet.

    LLMCLI_CACHE names it, else XDG_CACHE_HOME, or on Windows LOCALAPPDATA, else ~/.cache.
    """
    own = os.environ.get("LLMCLI_CACHE")
    if own:
        return Path(own).expanduser() / "ct2"
    system = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(system) if system else Path.home() / ".cache") / "llmcli" / "ct2"


def engine_version() -> str | None:
    """The version of CTranslate2, found without importing it; None where it is not there."""
    spec = importlib.util.find_spec("ctranslate2")
    if spec is None or not spec.submodule_search_locations:
        return None
    try:
        text = Path(spec.submodule_search_locations[0], "version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"__version__ = \"(.+)\"", text)
    return found[1] if found else None


def sources(checkpoint: Checkpoint) -> list[Path]:
    """The files on which a conversion depends. Raises ModelNotFound, ModelUnsuitable."""
    settings = [checkpoint.folder / name for name in ("config.json", "generation_config.json")]
    return [path for path in settings if path.is_file()] + weight_files(checkpoint)


def known_content(checkpoint: Checkpoint) -> str | None:
    """What tells a model from any other: the hub's commit, or a hash that was made before.

    Raises ModelNotFound, ModelUnsuitable.
    """
    if checkpoint.revision is not None:
        return checkpoint.revision
    try:
        return (cache_folder() / KNOWN / _state(checkpoint)).read_text(encoding="ascii")
    except OSError:
        return None


def content_of(checkpoint: Checkpoint) -> str:
    """As `known_content`, but made, and kept, where it is not known."""
    known = known_content(checkpoint)
    if known is not None:
        return known
    state = _state(checkpoint)  # before the files are read, in case they change meanwhile
    lines = [f"{hash_file(path)} {path.name}\n" for path in sources(checkpoint)]
    content = hashlib.sha256("".join(lines).encode()).hexdigest()[:40]
    with suppress(OSError):  # a cache that is read-only may hold the conversion all the same
        place = cache_folder() / KNOWN / state
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_suffix(f".{os.getpid()}")
        part.write_text(content, encoding="ascii")
        part.replace(place)
    return content


def _state(checkpoint: Checkpoint) -> str:
    """A digest of the paths, sizes and times of change of a checkpoint's files."""
    digest = hashlib.sha256()
    for path in sources(checkpoint):
        found = path.stat()
        digest.update(f"{path.resolve()}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:40]


def place_of(content: str, kind: Kind, dtype: str) -> Path:
    """The folder for a conversion; all encoders of one content share theirs."""
    return cache_folder() / f"{content}-{group_of(kind)}-{dtype}-{engine_version()}-{FORMAT}"


def conversions() -> list[Conversion]:
    """All conversions in the cache, the newest first."""
    found = []
    for path in cache_folder().glob(f"[!.]*/{META}"):
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
            found.append(Conversion(folder=path.parent, **settings))
        except (ValueError, TypeError, OSError):  # of another program, or being removed
            continue
    return sorted(found, key=lambda one: one.date, reverse=True)


def conversions_of(name: str) -> list[Conversion]:
    """The conversions of a model, by what it was called, or by its folder."""
    folder = str(Path(name).resolve())
    return [one for one in conversions() if one.model_id == name or one.checkpoint == folder]


def remove_conversion(conversion: Conversion) -> None:
    """Delete a conversion. Raises InputError."""
    with explained():
        gone = new_name()
        conversion.folder.rename(gone)  # at once, so that there is never half a conversion
        shutil.rmtree(gone)
    _forget_unused()


def _forget_unused() -> None:
    """Delete what is known of files whose conversions are all gone."""
    used = {one.folder.name.partition("-")[0] for one in conversions()}
    for path in (cache_folder() / KNOWN).glob("*"):
        with suppress(OSError):  # another process was faster
            if path.read_text(encoding="ascii") not in used:
                path.unlink()


def clean() -> None:
    """Delete what killed conversions left, a day after."""
    for path in cache_folder().glob(f"{MAKING}*"):
        with suppress(OSError):  # another process was faster
            if time.time() - path.stat().st_mtime > DAY:
                shutil.rmtree(path)


def new_name() -> Path:
    """A path in the cache for a folder that is being made or removed."""
    return cache_folder() / f"{MAKING}{os.getpid()}-{os.urandom(4).hex()}"


@contextmanager
def explained() -> Iterator[None]:
    """Turn an OSError of the cache into an InputError that says what to do."""
    try:
        yield
    except OSError as error:
        raise unwritable(error.strerror or str(error)) from None


def unwritable(reason: str) -> InputError:
    """The error for a cache that cannot be written."""
    return InputError(
        f"cannot keep the converted model in {cache_folder()}: {reason}; "
        "set LLMCLI_CACHE to another folder"
    )
