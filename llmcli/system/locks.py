"""File locks: files that only one process may use at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from llmcli.errors import UsageError
from llmcli.system import own_files


def lock(file: IO[bytes]) -> None:
    """Lock a file until it is closed. Raises OSError if another process has locked it."""
    try:
        import fcntl
    except ImportError:  # on Windows, two processes cannot write a file anyway
        return
    fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(path: Path, message: str) -> Iterator[None]:
    """Lock a file for a `with` block.

    message: of the UsageError that is raised if another process has locked it.
    """
    with own_files.open_own(path) as file:
        try:
            lock(file)
        except OSError:
            raise UsageError(message) from None
        yield
