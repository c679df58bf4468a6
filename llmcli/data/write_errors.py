"""What is said where a file cannot be written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmcli.system.resource_errors import write_error


@contextmanager
def write_errors_explained(path: Path) -> Iterator[None]:
    """Turn a failure to write into InputError or DiskFull."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise write_error(error, f"cannot write {path}: {error.strerror}") from None
