"""Files that one process has to itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from llmcli.errors import UsageError


def lock(file: IO[bytes]) -> None:
    """Claim a file until it is closed. Raises OSError if another process has it."""
    try:
        import fcntl
    except ImportError:  # Windows does not let two processes write a file anyway
        return
    fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(path: Path, message: str) -> Iterator[None]:
    """Hold a file while something is done. Raises UsageError with `message` if another does."""
    with path.open("wb") as file:
        try:
            lock(file)
        except OSError:
            raise UsageError(message) from None
        yield
