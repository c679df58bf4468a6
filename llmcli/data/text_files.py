"""Opening and decoding text files, compressed or not."""

import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

from llmcli.data.formats import COMPRESSED
from llmcli.errors import InputError


def read_text(path: str) -> str:
    """A whole file as one text. Raises InputError if it cannot be read or is not UTF-8."""
    with open_text(path) as file:
        return require_unicode(file.read(), path)


@contextmanager
def open_text(path: str) -> Iterator[TextIO]:
    """Open a text file for reading; bytes that are not UTF-8 become lone surrogates.

    `-` is stdin. Raises InputError if the file cannot be opened, or if reading it shows that it is
    damaged.
    """
    with open_binary(path) as file, damage_explained(path):
        yield decoded(path, file)


def open_binary(path: str) -> IO[bytes]:
    """Open a file as it is, without decompressing it; `-` is stdin.

    Raises InputError if it cannot be opened.
    """
    if path == "-":
        if sys.stdin is None:
            raise InputError("stdin is closed: give a file")
        return sys.stdin.buffer
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def decoded(path: str, file: IO[bytes]) -> TextIO:
    """The text of an open file, decompressed if its name says that it is compressed."""
    decompress = COMPRESSED.get(Path(path).suffix.lower())
    plain = file if decompress is None else decompress(file, "rb")
    return io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="")


@contextmanager
def damage_explained(path: str) -> Iterator[None]:
    """Turn the errors of decompressing a damaged file into InputError."""
    try:
        yield
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}") from None


def require_unicode(text: str, path: str) -> str:
    """Return a text that was read from `path`. Raises InputError if it was not UTF-8."""
    if not is_unicode(text):
        raise InputError(f"{path} is not UTF-8 text: convert it, with iconv for example")
    return text


def is_unicode(text: str) -> bool:
    """False for a text with bytes that were not UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
