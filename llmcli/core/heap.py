"""Memory that was freed goes back to the system, so that a long run needs no more than a short."""

import ctypes
import time
from collections.abc import Callable

PAUSE = 0.5  # seconds between two times: giving back costs some milliseconds


def _find_trim() -> Callable[[int], int] | None:
    """glibc's malloc_trim, where there is one."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library, or another system
        return None
    return trim


class Heap:
    """The C library's heap, as far as a run of batches wears it.

    Batches have many shapes, and glibc keeps what it was given for each: without this, 100,000
    rows took half as much memory again as 1,000.
    """

    def __init__(self) -> None:
        self._trim = _find_trim()
        self._next = time.monotonic() + PAUSE

    def rest(self) -> None:
        """Give back what is free, if that was not done just now."""
        if self._trim is not None and time.monotonic() >= self._next:
            self._trim(0)
            self._next = time.monotonic() + PAUSE
