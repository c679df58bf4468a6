"""The path of an output: whether it can be written, and pipes and devices among outputs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from llmcli.data.formats import FILE_FORMATS
from llmcli.data.write_errors import write_errors_explained
from llmcli.errors import InputError
from llmcli.spec import Format
from llmcli.system.terminal import guarded


def require_writable(path: Path, form: Format) -> None:
    """Raise InputError if an output file cannot be written; before any work is done for it."""
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder")
    if is_stream(path):
        if form in FILE_FORMATS:
            raise InputError(f"cannot write {form} to {path}: it is not a regular file")
        return
    target = Path(os.path.realpath(path))
    folder = target.parent
    if target.is_symlink():
        raise InputError(f"cannot write {path}: it is a link that leads to itself")
    if not folder.is_dir():
        raise InputError(f"cannot write {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise InputError(f"cannot write {path}: no permission in {folder}")
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError(f"cannot write {path}: it is write-protected")


def is_stream(path: Path) -> bool:
    """True for a pipe or a device such as /dev/stdout: it is written to, never replaced."""
    if path.parts[:3] == ("/", "dev", "shm"):
        return path.exists() and not path.is_file()
    return path.parts[:2] in (("/", "dev"), ("/", "proc")) or (path.exists() and not path.is_file())


@contextmanager
def written(path: Path) -> Iterator[TextIO]:
    """Open a text file for writing, and close it. Raises InputError where either fails."""
    with write_errors_explained(path):
        file = path.open("w", encoding="utf-8", newline="")
    try:
        yield guarded(file)
    except BaseException:
        with suppress(OSError):  # closing would try again to write what could not be written
            file.close()
        raise
    with write_errors_explained(path):
        file.close()
