"""Hashes of model files: the published ones, and those of the files as they are."""

import hashlib
import re
import time
from pathlib import Path

from llmcli.errors import InputError, LlmcliError
from llmcli.system.cache import recall, remember, state_of
from llmcli.system.metadata import Metadata

SUMS = "SHA256SUMS"  # beside a model's files, in the format of sha256sum
LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\\\0][^\\\0]*)")
CHUNK = 1 << 20
SHA256 = "0" * 64  # any SHA-256 digest, for its length
LARGE = 4 << 20  # bytes of a file whose hash is worth remembering
SETTLED = 2.0  # seconds after which another change gives a file another time


def read_sums(folder: Path, error: type[LlmcliError] = InputError) -> dict[str, str]:
    """SHA-256 digests by file name, from a folder's SHA256SUMS; empty if it has none.

    Raises `error` for a damaged file, and for a name that leaves the folder.
    """
    file = Metadata(folder / SUMS, error, "copy it again")
    if not file.exists():
        return {}
    sums = {}
    for number, line in enumerate(file.text().splitlines(), 1):
        match = LINE.fullmatch(line)
        if match is None or ".." in Path(match[2]).parts:
            raise file.fault(f"has in line {number} no digest with the name of a file below it")
        sums[match[2]] = match[1]
    return sums


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


def known_hash(path: Path) -> str:
    """The SHA-256 hash of a file; that of a large file is remembered until the file changes.

    A file that is replaced or written has another time of its last change of any kind, which no
    program can set. One that was changed a moment ago is hashed each time.
    """
    status = path.stat()
    if status.st_size < LARGE:
        return hash_file(path)
    state = f"{state_of([path])}-{status.st_ino:x}-{status.st_ctime_ns:x}"
    known = recall("sha256", path, state)
    if known is not None:
        return known
    digest = hash_file(path)
    if time.time() - max(status.st_mtime, status.st_ctime) > SETTLED:
        remember("sha256", path, state, digest)
    return digest
