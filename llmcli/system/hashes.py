"""Hashes of model files: the published ones, and those of the files as they are."""

import hashlib
from pathlib import Path

SUMS = "SHA256SUMS"  # beside a model's files, in the format of sha256sum
CHUNK = 1 << 20
SHA256 = "0" * 64  # any SHA-256 digest, for its length


def read_sums(folder: Path) -> dict[str, str]:
    """SHA-256 digests by file name, from a folder's SHA256SUMS; empty if it has none."""
    path = folder / SUMS
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    parts = (line.partition(" ") for line in lines)  # digest, a space, a space or *, name
    return {name[1:]: digest for digest, _, name in parts if name}


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS for the files in a folder."""
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    lines = [f"{hash_file(path)} *{path.name}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def expected_hash(path: Path) -> str | None:
    """The published hash of a file in the hub's cache; None for a file elsewhere.

    The cache stores a file under the hub's ETag: SHA-256 for large files, git's SHA-1 for the
    others.
    """
    name = path.resolve().name
    is_hash = len(name) in (40, 64) and all(digit in "0123456789abcdef" for digit in name)
    return name if is_hash and path.is_symlink() else None


def hash_file(path: Path, like: str = SHA256) -> str:
    """The hash of a file in hexadecimal: SHA-256, or git's blob SHA-1.

    like: a digest; 64 digits ask for SHA-256, 40 for SHA-1.
    """
    if len(like) == 64:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
