"""Files that must stay as they are while they are read.

A file that is cut, written to or replaced meanwhile gives rows that no file ever had. Pipes and
devices are read as they come.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from llmcli.errors import InputError


class InputChanged(InputError):
    """A file was changed while it was read."""

    def __init__(self, message: str, has_same_size: bool) -> None:
        super().__init__(message)
        self.has_same_size = has_same_size
        """It is the same file, as long as before: perhaps only its time was changed."""


class Unchanged:
    """What a file is when it is opened, to be compared with what it is when it has been read."""

    def __init__(self, path: str | os.PathLike[str], file: IO[bytes] | None = None) -> None:
        """file: the file, where it is open already; a file that cannot be found is not compared."""
        self._path = os.fspath(path)
        self._file = file
        self._before = self._status()

    def require(self) -> None:
        """Raise InputChanged if the file is another one now, or was written to."""
        before = self._before
        if before is None:
            return
        for now in (self._status(), self._status_of_path()):
            if now is None:  # it was removed: what was opened can still be read
                continue
            if not os.path.samestat(before, now):
                raise self._error("was replaced by another file", False)
            if now.st_size != before.st_size:
                word = "shrank" if now.st_size < before.st_size else "grew"
                sizes = f"from {before.st_size:,} to {now.st_size:,} bytes"
                raise self._error(f"{word} {sizes}", False)
            if now.st_mtime_ns != before.st_mtime_ns:
                raise self._error("was written to", True)

    def _error(self, what: str, has_same_size: bool) -> InputChanged:
        return InputChanged(
            f"{self._path} {what} while it was read: the results would not be those of one file; "
            "run again with a file that stays as it is, such as a copy",
            has_same_size,
        )

    def _status(self) -> os.stat_result | None:
        if self._file is None:
            return self._status_of_path()
        try:
            status = os.fstat(self._file.fileno())
        except (OSError, ValueError):  # stdin that a caller replaced
            return None
        return status if stat.S_ISREG(status.st_mode) else None

    def _status_of_path(self) -> os.stat_result | None:
        try:
            status = os.stat(self._path)
        except (OSError, ValueError):
            return None
        return status if stat.S_ISREG(status.st_mode) else None


@contextmanager
def unchanged(path: str, file: IO[bytes] | None = None) -> Iterator[None]:
    """Raise InputChanged if a file is changed while the block reads it to its end; `-` is stdin.

    file: the open file. Where the block ends early, nothing is compared; where it finds the file
    damaged, the change is the cause.
    """
    if path == "-":
        yield
        return
    state = Unchanged(path, file)
    try:
        yield
    except InputError:
        state.require()
        raise
    state.require()
