"""The standard streams of this process: open, in UTF-8, and honest about what is lost.

A result that cannot be written to stdout raises, wherever it is written: the program must not end
as if it had succeeded. A message that cannot be written to stderr is dropped: the work goes on.
"""

import errno
import io
import os
import sys
from contextlib import suppress

from llmcli.system.resource_errors import write_error
from llmcli.system.terminal import guarded

TYPE_CHECKING = False  # as type checkers know it: the import of typing takes long for --help

if TYPE_CHECKING:
    from typing import Any


def prepare() -> None:
    """Open what the shell closed, and let stdout and stderr report or drop what cannot be written.

    A file that is opened later would otherwise get the number of a closed stream, and with it what
    is written there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                # Opened the wrong way round, so that reading or writing fails as before.
                _occupy(number, os.O_WRONLY if number == 0 else os.O_RDONLY)
    with suppress(OSError, ValueError):
        sys.stdout = guarded(_stream(1, sys.stdout, Results))
        sys.stderr = guarded(_stream(2, sys.stderr, Messages))


def _occupy(number: int, mode: int) -> None:
    opened = os.open(os.devnull, mode)
    if opened == number:
        os.set_inheritable(number, True)
    else:
        os.dup2(opened, number)
        os.close(opened)


def _stream(number: int, stream: "Any", kind: "type[Results | Messages]") -> "Any":
    """A stream in the place of one of Python's; one that is not Python's own is returned as is."""
    if stream is not None and not isinstance(stream, io.TextIOWrapper):
        return stream
    if stream is None:
        stream = open(number, "w", buffering=1, encoding="utf-8", closefd=False)
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(kind(stream)),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class Results(io.RawIOBase):
    """The bytes of stdout: those that cannot be written raise InputError or DiskFull."""

    name = "<stdout>"

    def __init__(self, stream: io.TextIOWrapper) -> None:
        """stream: what Python opened; a closed pipe still raises BrokenPipeError."""
        self._kept = stream  # it would be closed
        self._raw: Any = getattr(stream.buffer, "raw", stream.buffer)  # python -u has no buffer

    def write(self, data: "Any") -> int:
        """Write bytes, and wait where the reader of a pipe is slow."""
        try:
            while (count := self._raw.write(data)) is None:
                import select

                select.select([], [self._raw], [])
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = "it is closed" if error.errno == errno.EBADF else error.strerror
            raise write_error(error, f"cannot write to {self.name}: {reason}") from None
        return int(count)

    def writable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The file descriptor."""
        return int(self._raw.fileno())

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return bool(self._raw.isatty())


class Messages(Results):
    """The bytes of stderr: those that cannot be written are dropped."""

    name = "<stderr>"

    def write(self, data: "Any") -> int:
        """Write bytes; whatever happens, they count as written."""
        with suppress(Exception):
            return super().write(data)
        return len(memoryview(data))
