"""Data files for tests."""

from pathlib import Path


def write(folder: Path, name: str, content: bytes | str) -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)
