"""Memory that was freed: kept for the next layer, given back to the system between batches."""

import ctypes
import time
from collections.abc import Callable

PAUSE = 0.5  # seconds between two times: giving back costs some milliseconds
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # <malloc.h>


def _glibc(name: str) -> Callable[..., int] | None:
    """One of glibc's functions on memory, where there is one."""
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):  # another C library, or another system
        return None
    return found


def keep_freed() -> None:
    """Keep what is freed in this process, in one heap, until `Heap.rest` gives it back.

    The layers of a model allocate and free the same large buffers all the time. glibc returns
    each to the system at once, which then has to clear all its pages again: a fifth to a half of
    the time of a file of texts on a CPU.
    """
    mallopt = _glibc("mallopt")
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)  # never
        mallopt(M_ARENA_MAX, 1)


class Heap:
    """The C library's heap, as far as a run of batches wears it.

    Batches have many shapes, and glibc keeps what it was given for each: without this, 100,000
    rows took half as much memory again as 1,000.
    """

    def __init__(self) -> None:
        self._trim = _glibc("malloc_trim")
        self._next = time.monotonic() + PAUSE

    def rest(self) -> None:
        """Give back what is free, if that was not done just now."""
        if self._trim is not None and time.monotonic() >= self._next:
            self._trim(0)
            self._next = time.monotonic() + PAUSE
