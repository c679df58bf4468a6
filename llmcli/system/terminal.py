"""What a terminal gets: text without control characters, and this program's own sequences.

A terminal obeys what is written to it: it moves the cursor, hides text, sets its title, may even
type for the user. Labels, tokens, rows and messages come from others, so whatever is written to a
terminal has such characters escaped, by the stream itself. Only `own_channel` writes them. A pipe
or a file gets every character as it is: no stream is replaced there.
"""

import io
import re
import sys
from functools import cache

TYPE_CHECKING = False  # as type checkers know it: the import of typing takes long for --help

if TYPE_CHECKING:
    from typing import TextIO

_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f"  # C0 without tab and newline, DEL
    "\x80-\x9f"  # C1: a terminal may take U+009B for ESC [
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # change the direction of what follows
    "\u2028\u2029"  # line ends that only some programs see
    "\ud800-\udfff"  # lone surrogates: no characters at all
)


def escaped(text: str) -> str:
    r"""A text whose control characters are shown as Python writes them.

    >>> escaped("a\tb\x1b[31mc\u202e")
    'a\tb\\x1b[31mc\\u202e'
    """
    return _pattern().sub(lambda match: _name(ord(match[0])), text)


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(f"[{_HIDDEN}]")


def _name(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Terminal(io.TextIOWrapper):
    """A stream to a terminal that escapes what is written, one character at a time.

    A sequence that comes in several pieces is therefore escaped as well.
    """

    def __init__(self, stream: io.TextIOWrapper) -> None:
        """stream: what this one takes the place of; it stays usable, as the channel `own`."""
        stream.flush()
        stream.reconfigure(write_through=True)  # so that the order of both is kept
        super().__init__(
            stream.buffer,
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=True,
        )
        self.own = stream

    def write(self, text: str) -> int:
        """Write a text, escaped; return its length."""
        super().write(escaped(text))
        return len(text)


def guarded(stream: "TextIO") -> "TextIO":
    """A stream for text of any origin: the same one, unless it goes to a terminal."""
    is_terminal = isinstance(stream, io.TextIOWrapper) and stream.isatty()
    if isinstance(stream, Terminal) or not is_terminal:
        return stream
    assert isinstance(stream, io.TextIOWrapper)
    return Terminal(stream)


def own_channel(stream: "TextIO") -> "TextIO":
    """Where this program writes its colours and moves the cursor: nothing is escaped.

    Text of others must be `escaped` first where the stream is a Terminal.
    """
    return stream.own if isinstance(stream, Terminal) else stream


class ProgressChannel:
    """A stream to stderr for the bars of tqdm, which return to the start of a line or go up."""

    _MOVES = re.compile(r"(?:\r|\n|\x1b\[A)*")

    def write(self, text: str) -> None:
        """Write a bar: moves of the cursor at its beginning, and an escaped text."""
        moves = self._MOVES.match(text)
        assert moves is not None
        sys.stderr.flush()
        own_channel(sys.stderr).write(moves[0] + escaped(text[moves.end() :]))

    def flush(self) -> None:
        """Flush the stream."""
        own_channel(sys.stderr).flush()

    def isatty(self) -> bool:
        """True if stderr is a terminal: without one, no bars are drawn."""
        return sys.stderr.isatty()

    @property
    def encoding(self) -> str:
        """The encoding of stderr, by which tqdm chooses the characters of a bar."""
        return sys.stderr.encoding

    def fileno(self) -> int:
        """The file descriptor of stderr, by which tqdm finds the width of the terminal."""
        return sys.stderr.fileno()
