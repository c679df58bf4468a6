"""The permissions of files that are written."""

import os
from pathlib import Path


def apply_umask(folder: Path) -> None:
    """Give the files in a folder the mode that any new file has: what the umask leaves.

    safetensors creates its files for their owner alone.
    """
    umask = os.umask(0o022)
    os.umask(umask)
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.chmod((0o666 & ~umask) | (path.stat().st_mode & 0o111 & ~umask))
