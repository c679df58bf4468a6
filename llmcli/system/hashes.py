"""Hashes of model files: those they were published with, and those they have."""

import hashlib
from pathlib import Path

SUMS = "SHA256SUMS"  # beside a model's files, in the format of sha256sum
CHUNK = 1 << 20
SHA256 = "0" * 64  # as long as one


def read_sums(folder: Path) -> dict[str, str]:
    """Map file names to the SHA-256 that SHA256SUMS gives them; empty without such a file."""
    path = folder / SUMS
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    parts = (line.partition(" ") for line in lines)  # then a blank or *, then the name
    return {name[1:]: digest for digest, _, name in parts if name}


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS for the files of a folder."""
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    lines = [f"{hash_file(path)} *{path.name}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def expected_hash(path: Path) -> str | None:
    """The hash that a file in the hub's cache was published with, or None.

    The cache names a file's blob by the hub's ETag: SHA-256 for large files, git's SHA-1 for
    the others.
    """
    name = path.resolve().name
    is_hash = len(name) in (40, 64) and all(digit in "0123456789abcdef" for digit in name)
    return name if is_hash and path.is_symlink() else None


def hash_file(path: Path, like: str = SHA256) -> str:
    """The hash of a file: SHA-256 if `like` has 64 digits, git's blob SHA-1 if it has 40."""
    if len(like) == 64:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
