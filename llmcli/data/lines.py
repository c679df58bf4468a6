"""The lines of a text file, none of them longer than can be held in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

from llmcli.data.text_files import damage_explained, decoded, open_binary

MAX_ROW = 1 << 22  # characters of one row: 4 million
TOO_LONG = f"the row has more than {MAX_ROW:,} characters"


class TooLong(Exception):
    """A line with more than MAX_ROW characters; the next one can be read."""


class Lines:
    """The lines of a file, each with its end, none of them longer than MAX_ROW."""

    def __init__(self, file: TextIO, fraction_read: Callable[[], float | None]) -> None:
        self._file = file
        self._ahead = ""  # the first character of the next line, if it has been read already
        self.fraction_read = fraction_read
        """How much of the file has been read, from 0 to 1; None if unknown."""
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
        if line.endswith("\r"):  # perhaps half of a line end
            after = self._file.readline(1)
            self._ahead = "" if after == "\n" else after
        raise TooLong

    def each(self) -> Iterator[tuple[int, str | None]]:
        """Number and text of each line; None for a line that is too long."""
        while True:
            try:
                line: str | None = next(self)
            except StopIteration:
                return
            except TooLong:
                line = None
            yield self.number, line


@contextmanager
def open_lines(path: str) -> Iterator[Lines]:
    """Open a text file, compressed or not, for reading line by line; `-` is stdin.

    Raises InputError if the file cannot be opened, or if reading it shows that it is damaged.
    """
    with open_binary(path) as file, damage_explained(path):
        yield Lines(decoded(path, file), _fraction_read(path, file))


def _fraction_read(path: str, file: IO[bytes]) -> Callable[[], float | None]:
    """A function that says how much of a file has been read; of a pipe, nothing is known."""
    size = 0 if path == "-" else Path(path).stat().st_size
    return (lambda: min(1.0, file.tell() / size)) if size else (lambda: None)
