"""Panics: what libraries written in Rust raise when they meet what they did not expect."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PANIC = "PanicException"
"""The name of the exception, which is no `Exception`."""
_LOCK = threading.RLock()


class Panic(RuntimeError):
    """A panic, with its message."""


@contextmanager
def panics_caught() -> Iterator[None]:
    """Turn a panic into a Panic, without the lines that the library prints on stderr itself.

    What others print meanwhile appears afterwards.
    """
    with _LOCK:
        streams = _redirected()
        try:
            yield
        except BaseException as error:
            if type(error).__name__ != PANIC:
                raise
            _restore(streams, shown=False)
            streams = None
            raise Panic(str(error)) from None
        finally:
            _restore(streams, shown=True)


def _redirected() -> tuple[int, int] | None:
    """Make stderr a pipe; returns what stderr was, and the end to read. None where it is closed."""
    if os.name == "nt":
        return None
    try:
        kept = os.dup(2)
    except OSError:
        return None
    reading, writing = os.pipe()
    for end in (reading, writing):  # a long message is cut, and nobody waits
        os.set_blocking(end, False)
    os.dup2(writing, 2)
    os.close(writing)
    return kept, reading


def _restore(streams: tuple[int, int] | None, *, shown: bool) -> None:
    if streams is None:
        return
    kept, reading = streams
    os.dup2(kept, 2)
    os.close(kept)
    with os.fdopen(reading, "rb") as file:
        text = file.read()
    if shown and text:
        os.write(2, text)
