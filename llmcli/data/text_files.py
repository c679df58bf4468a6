"""Opening and decoding text files, compressed or not."""

import codecs
import importlib
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO, cast

from llmcli.data.encodings import decode, encoding_of, not_decoded
from llmcli.data.formats import COMPRESSED
from llmcli.data.unchanged import unchanged
from llmcli.errors import InputError

HEAD = 1 << 16  # bytes that are examined before a file is read
LONE = "lone-surrogates"
"""The error handler that keeps bytes which an encoding does not have, as lone surrogates."""


def _as_surrogates(error: UnicodeError) -> tuple[str, int]:
    """Each undecodable byte as a lone surrogate, which `is_unicode` finds; any codec may call it.

    Python's own `surrogateescape` refuses bytes below 128, which occur in UTF-16 and GBK.
    """
    assert isinstance(error, UnicodeDecodeError)
    wrong = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in wrong), error.end


codecs.register_error(LONE, _as_surrogates)


def read_text(path: str, encoding: str | None = None) -> str:
    """A whole file as one text; `-` is stdin.

    encoding: None: UTF-8, or by a byte order mark. Raises InputError if the file cannot be read or
    is in another encoding, or changes meanwhile.
    """
    with open_binary(path) as file, unchanged(path, file), damage_explained(path):
        return decode("stdin" if path == "-" else path, _plain(path, file).read(), encoding)


@contextmanager
def open_text(path: str, encoding: str | None = None) -> Iterator[TextIO]:
    """Open a text file for reading; bytes that are no text become lone surrogates.

    `-` is stdin. Raises InputError if the file cannot be opened, is in another encoding, or if
    reading it shows that it is damaged, or that it changes meanwhile.
    """
    with open_binary(path) as file, unchanged(path, file), damage_explained(path):
        yield decoded(path, file, encoding)


def open_binary(path: str) -> IO[bytes]:
    """Open a file as it is, without decompressing it; `-` is stdin.

    Raises InputError if it cannot be opened.
    """
    if path == "-":
        if sys.stdin is None:
            raise InputError("stdin is closed: give a file")
        return sys.stdin.buffer
    try:
        return open(path, "rb", HEAD)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def decoded(path: str, file: IO[bytes], encoding: str | None = None) -> TextIO:
    """The text of an open file, decompressed if its name says that it is compressed.

    Raises InputError where its first bytes are in another encoding.
    """
    plain = _plain(path, file)
    head = plain.peek(HEAD)
    name = encoding_of("stdin" if path == "-" else path, head, encoding)
    text = io.TextIOWrapper(plain, encoding=name, errors=LONE, newline="")
    if encoding is not None and _begins_with_mark(head, name):
        text.read(1)
    return text


def _begins_with_mark(head: bytes, name: str) -> bool:
    """True if a byte order mark is left as the first character: that of utf-16-le is."""
    return head[:4].decode(name, "ignore").startswith("\ufeff")


def _plain(path: str, file: IO[bytes]) -> io.BufferedReader:
    """An open file without its compression. Bytes can be peeked at."""
    module = COMPRESSED.get(Path(path).suffix.lower())
    if module is not None:
        file = importlib.import_module(module).open(file, "rb")
    if not hasattr(file, "peek"):  # stdin that a caller replaced
        file = io.BufferedReader(cast(Any, file))
    return cast(io.BufferedReader, file)


@contextmanager
def damage_explained(path: str) -> Iterator[None]:
    """Turn the errors of decompressing a damaged file into InputError."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise not_decoded(path, error) from None
    except _damages() as error:
        raise InputError(f"{path} is damaged: {error}") from None


def _damages() -> tuple[type[Exception], ...]:
    """What decompressing raises, by the modules that were imported for it."""
    errors: list[type[Exception]] = [EOFError, zlib.error]
    for module, name in (("gzip", "BadGzipFile"), ("lzma", "LZMAError"), ("bz2", "OSError")):
        if module in sys.modules:
            errors.append(getattr(sys.modules[module], name, OSError))
    return tuple(errors)


def start_of(file: TextIO) -> str:
    """The first characters of a file that was just opened; they stay unread."""
    head = cast(io.BufferedReader, file.buffer).peek(HEAD)
    return head.decode(file.encoding, "ignore").removeprefix("\ufeff")


def is_unicode(text: str) -> bool:
    """False for a text with bytes that its encoding does not have."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
