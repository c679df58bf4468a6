"""A cache of folders that are made once: complete or not there, and known by their content.

NAME/known/DIGEST   the content hash of files whose paths, sizes and modification times have this
                    digest, so that a start need not read them
NAME/CONTENT-...    a complete folder, with a meta.json that says what it was made from
NAME/.making-...    an unfinished folder, perhaps of a process that was killed
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmcli.errors import InputError, LlmcliError
from llmcli.system import own_files
from llmcli.system.cache import cache_root, state_of
from llmcli.system.metadata import Metadata
from llmcli.system.resource_errors import write_error
from llmcli.system.shapes import Object

META = "meta.json"
MAKING = ".making-"
KNOWN = "known"
DAY = 24 * 3600  # seconds
SECOND = 10**9  # nanoseconds


@dataclass(frozen=True, slots=True)
class FolderCache:
    """One kind of folder in the cache."""

    name: str
    weights: str
    """The file whose time says whether a folder is as it was written."""
    shape: Object
    """Of meta.json, which has `bytes` and `modified` among its keys."""

    @property
    def folder(self) -> Path:
        """The folder for all of them, which may not exist yet."""
        return cache_root() / self.name

    def known_content(self, paths: Sequence[Path]) -> str | None:
        """The content hash of files if it was computed before, else None."""
        try:
            return (self.folder / KNOWN / state_of(paths)).read_text(encoding="ascii")
        except OSError:
            return None

    def content_of(self, paths: Sequence[Path], compute: Callable[[], str]) -> str:
        """As `known_content`, but computed, and stored, if it is not known."""
        known = self.known_content(paths)
        if known is not None:
            return known
        state = state_of(paths)  # before the files are read, in case they change during that
        content = compute()
        with suppress(OSError):  # a read-only cache may have the folder nevertheless
            path = self.folder / KNOWN / state
            path.parent.mkdir(parents=True, exist_ok=True)
            with own_files.replacing(path) as file:
                file.write(content.encode("ascii"))
        return content

    def forget_all_but(self, used: Collection[str]) -> None:
        """Delete the stored content hashes that are not among `used`."""
        for path in (self.folder / KNOWN).glob("*"):
            with suppress(OSError):  # another process was faster
                if path.read_text(encoding="ascii") not in used:
                    path.unlink()

    def is_whole(self, folder: Path) -> bool:
        """True if a folder is there as it was written: its files have the same size and time.

        A time in whole seconds is enough where a copy of the cache kept no more.
        """
        try:
            settings = Metadata(folder / META).json(self.shape)
            written, now = settings["modified"], self._modified(folder)
            return bool(
                settings["bytes"] == size_of(folder)
                and (now == written or (now % SECOND == 0 and now // SECOND == written // SECOND))
            )
        except (InputError, OSError, KeyError):
            return False

    def entries(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Each complete folder, and the contents of its meta.json."""
        for path in self.folder.glob(f"[!.]*/{META}"):
            with suppress(InputError):  # of another program, or being removed
                yield path.parent, Metadata(path).json(self.shape)

    def describe(self, folder: Path, meta: dict[str, Any]) -> None:
        """Write meta.json, the last file of a folder that is being made. Raises OSError."""
        meta = {**meta, "bytes": size_of(folder), "modified": self._modified(folder)}
        (folder / META).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")

    def _modified(self, folder: Path) -> int:
        """When the weights of a folder were written, in nanoseconds."""
        return (folder / self.weights).stat().st_mtime_ns

    def make(self, target: Path, fill: Callable[[Path], None], meta: dict[str, Any]) -> None:
        """Make a folder, in which `fill` writes the files; a damaged one is replaced.

        If another process is faster, its folder is used. meta: of meta.json, without what `fill`
        decides. Raises InputError or DiskFull if the cache cannot be written, and what `fill`
        raises.
        """
        self.clean()
        if target.exists():  # damaged, or changed by another program
            self.remove(target)
        made = self.new_name()
        with self.explained():
            made.mkdir(parents=True)
        try:
            fill(made)
            with self.explained():
                self.describe(made, meta)
                self._move(made, target)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def _move(self, made: Path, target: Path) -> None:
        try:
            made.rename(target)
        except OSError:
            if not self.is_whole(target):
                raise

    def remove(self, folder: Path) -> None:
        """Delete a folder. Raises InputError, DiskFull."""
        with self.explained():
            gone = self.new_name()
            folder.rename(gone)  # atomic, so that there is never half a folder
            shutil.rmtree(gone)

    def clean(self) -> None:
        """Delete unfinished folders that are more than a day old."""
        for path in self.folder.glob(f"{MAKING}*"):
            with suppress(OSError):  # another process was faster
                if time.time() - path.stat().st_mtime > DAY:
                    shutil.rmtree(path)

    def new_name(self) -> Path:
        """A path in the cache for a folder that is being made or removed."""
        return self.folder / f"{MAKING}{os.getpid()}-{os.urandom(4).hex()}"

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn an OSError in the cache into an error that says what to do."""
        try:
            yield
        except OSError as error:
            raise self.unwritable(error) from None

    def unwritable(self, error: OSError) -> LlmcliError:
        """The error for a cache that cannot be written to: DiskFull or InputError."""
        return write_error(
            error,
            f"cannot store the converted model in {self.folder}: {error.strerror or error}; "
            "set LLMCLI_CACHE to another folder",
        )


def size_of(folder: Path) -> int:
    """Bytes of the files of a folder, beside what describes it."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.name != META)
