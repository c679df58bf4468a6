"""What is said where a file cannot be written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from llmcli.errors import in_one_line
from llmcli.system import own_files
from llmcli.system.resource_errors import is_of_system, write_error


@contextmanager
def write_errors_explained(path: Path) -> Iterator[None]:
    """Turn a failure to write into InputError or DiskFull."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise write_error(error, f"cannot write {path}: {error.strerror}") from None
    except Exception as error:
        if not is_of_system(error):
            raise
        raise write_error(error, f"cannot write {path}: {in_one_line(error)}") from None


@contextmanager
def whole_file(path: Path, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Write a file that appears complete, at the end of the block, or not at all.

    A link stays, and what it leads to is written. mode: the permissions; None: those of the file
    that it replaces, else what the umask leaves. Raises InputError, DiskFull.
    """
    target = Path(os.path.realpath(path))
    with write_errors_explained(path), own_files.replacing(target, mode=mode) as file:
        yield file
