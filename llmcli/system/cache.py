"""The cache folder, and facts about files that are remembered there until the files change."""

import hashlib
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from llmcli.system import own_files


def cache_root() -> Path:
    """The folder of this program's cache, which may not exist yet.

    LLMCLI_CACHE names it, else XDG_CACHE_HOME, or on Windows LOCALAPPDATA, else ~/.cache.
    """
    folder = os.environ.get("LLMCLI_CACHE")
    if folder:
        return Path(folder).expanduser()
    system = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(system) if system else Path.home() / ".cache") / "llmcli"


def state_of(paths: Iterable[Path]) -> str:
    """A digest of the paths, sizes and modification times of files. Raises OSError."""
    digest = hashlib.sha256()
    for path in paths:
        stat = path.stat()
        digest.update(f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:40]


def is_known(fact: str, path: Path, state: str) -> bool:
    """True if a fact was remembered of a file in this state. fact: a name for a folder."""
    return recall(fact, path, state) is not None


def recall(fact: str, path: Path, state: str) -> str | None:
    """The value that was remembered with a fact of a file in this state; None if none was."""
    try:
        known, _, value = _place(fact, path).read_text(encoding="ascii").partition(" ")
    except (OSError, ValueError):
        return None
    return value if known == state else None


def remember(fact: str, path: Path, state: str, value: str = "") -> None:
    """Remember a fact of a file for as long as it is in a state; of each file, the last one.

    state: as `state_of` gave it before the file was examined. value: in ASCII. A cache that cannot
    be written to remembers nothing.
    """
    place = _place(fact, path)
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with own_files.replacing(place) as file:
            file.write(f"{state} {value}".rstrip().encode("ascii"))


def _place(fact: str, path: Path) -> Path:
    name = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:40]
    return cache_root() / fact / name
