"""The lines of text files, packed or not, none of them longer than can be held."""

import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

from llmcli.errors import InputError

MAX_ROW = 1 << 22  # characters of one row: 4 million
TOO_LONG = f"the row has more than {MAX_ROW:,} characters"

PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}


@contextmanager
def open_text(path: str) -> Iterator[TextIO]:
    """Open for reading; bytes that are not UTF-8 become lone surrogates, found later.

    Raises InputError if it is not there or may not be read.
    """
    with open_binary(path) as file:
        yield decoded(path, file)


def open_binary(path: str) -> IO[bytes]:
    """The file as it is, packed or not."""
    if path == "-":
        if sys.stdin is None:
            raise InputError("stdin is closed: give a file")
        return sys.stdin.buffer
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def decoded(path: str, file: IO[bytes]) -> TextIO:
    """The text of an open file, unpacked where its name says that it is packed."""
    unpack = PACKED.get(Path(path).suffix.lower())
    plain = file if unpack is None else unpack(file, "rb")
    return io.TextIOWrapper(plain, encoding="utf-8-sig", errors="surrogateescape", newline="")


def place_in(path: str, file: IO[bytes]) -> Callable[[], float | None]:
    """A function that tells how much of a file was read; of a pipe, nothing is known."""
    size = 0 if path == "-" else Path(path).stat().st_size
    return (lambda: min(1.0, file.tell() / size)) if size else (lambda: None)


class TooLong(Exception):
    """A line with more than MAX_ROW characters; the next one can be read."""


class Lines:
    """The lines of a file, each with its end, none of them longer than MAX_ROW."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._ahead = ""  # the first character of the next line, where it was read already
        self.number = 0
        """Of the line read last, from 1."""

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        most = MAX_ROW + 2  # the end of a line is one character, or two
        line = self._ahead if self._ahead == "\r" else self._ahead + self._file.readline(most)
        self._ahead = ""
        if not line:
            raise StopIteration
        self.number += 1
        if len(line.rstrip("\r\n")) <= MAX_ROW:
            return line
        while line and not line.endswith(("\n", "\r")):
            line = self._file.readline(most)
        if line.endswith("\r"):  # perhaps half of an end
            after = self._file.readline(1)
            self._ahead = "" if after == "\n" else after
        raise TooLong


def each_line(lines: Lines) -> Iterator[tuple[int, str | None]]:
    """Number and text of each line; None for one that is too long."""
    while True:
        try:
            line: str | None = next(lines)
        except StopIteration:
            return
        except TooLong:
            line = None
        yield lines.number, line


@contextmanager
def damage_explained(path: str) -> Iterator[None]:
    """Turn what unpacking a damaged file raises into InputError."""
    try:
        yield
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}") from None


def is_unicode(text: str) -> bool:
    """False for a text with bytes that were not UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
