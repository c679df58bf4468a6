"""The lines of a text file, none of them longer than can be held in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TextIO

from llmcli.data.text_files import damage_explained, decoded, is_unicode, open_binary
from llmcli.data.unchanged import unchanged

MAX_ROW = 1 << 22  # characters of one row: 4 million
TOO_LONG = f"the row has more than {MAX_ROW:,} characters"
NOT_UTF8 = "not valid UTF-8"
NUL = "the text has a character with the code 0"
OFTEN, SOMETIMES = 256, 64  # lines after which the place in the file is asked for less often


class TooLong(Exception):
    """A line with more than MAX_ROW characters; the next one can be read."""


class Lines:
    """The lines of a file, each with its end, none of them longer than MAX_ROW."""

    def __init__(self, file: TextIO, measure: Callable[[], float | None]) -> None:
        self.file = file
        self._readline = file.readline
        self.measure = measure
        """Says how much of the file has been read, from 0 to 1; None if unknown."""
        self._ahead = ""  # the first character of the next line, if it has been read already
        self.fraction_read: float | None = None
        """What `measure` said last."""
        self.number = 0
        """Of the line read last, from 1."""
        self.record: list[str] = []
        """The lines since the reader emptied this list."""

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        most = MAX_ROW + 2  # the end of a line is one character, or two
        line = self._readline(most) if not self._ahead else self._begun(most)
        if not line:
            raise StopIteration
        self.number = number = self.number + 1
        if number < OFTEN or not number % SOMETIMES:
            self.fraction_read = self.measure()
        if len(line) > MAX_ROW and len(line.rstrip("\r\n")) > MAX_ROW:
            self._skip(line)
            raise TooLong
        self.record.append(line)
        return line

    def _begun(self, most: int) -> str:
        """The next line, of which the first character has been read."""
        ahead, self._ahead = self._ahead, ""
        return ahead if ahead == "\r" else ahead + self._readline(most)

    def _skip(self, line: str) -> None:
        """Read the rest of a line that is too long."""
        while line and not line.endswith(("\n", "\r")):
            line = self._readline(MAX_ROW)
        if line.endswith("\r"):  # perhaps half of a line end
            after = self._readline(1)
            self._ahead = "" if after == "\n" else after

    def each(self) -> Iterator[tuple[int, str | None]]:
        """Number and text of each line; None for a line that is too long."""
        record = self.record
        while True:
            try:
                line: str | None = next(self)
            except StopIteration:
                return
            except TooLong:
                line = None
            record.clear()
            yield self.number, line


def problem_of(text: str) -> str | None:
    """Why a text cannot be used: bytes of another encoding, or characters of the code 0."""
    if not text.isascii() and not is_unicode(text):
        return NOT_UTF8
    return NUL if "\0" in text else None


@contextmanager
def open_lines(path: str, encoding: str | None = None) -> Iterator[Lines]:
    """Open a text file, compressed or not, for reading line by line; `-` is stdin.

    Raises InputError if the file cannot be opened, is in another encoding, or if reading it shows
    that it is damaged, or that it changes meanwhile.
    """
    with open_binary(path) as file, unchanged(path, file), damage_explained(path):
        yield Lines(decoded(path, file, encoding), _fraction_read(path, file))


def _fraction_read(path: str, file: IO[bytes]) -> Callable[[], float | None]:
    """A function that says how much of a file has been read; of a pipe, nothing is known."""
    size = 0 if path == "-" else Path(path).stat().st_size
    return (lambda: min(1.0, file.tell() / size)) if size else (lambda: None)
