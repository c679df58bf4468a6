"""Memory: cleared ahead, kept for the next layer, given back between batches."""

import ctypes
import mmap
import threading
import time
from collections.abc import Callable
from typing import Any

PAUSE = 0.5  # seconds between two times: giving back costs some milliseconds
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # <malloc.h>
MADV_DONTNEED, MADV_POPULATE_WRITE = 4, 23  # <linux/mman.h>; the second since Linux 5.14
# <Documentation/admin-guide/mm/pagemap.rst> of Linux
IN_MEMORY, SWAPPED, OF_FILE = (1 << bit for bit in (63, 62, 61))
UNCHANGED = {0, OF_FILE, IN_MEMORY | OF_FILE}
PIECE = 4 << 20  # bytes that the system is asked for at once


def _glibc(name: str, result: Any = ctypes.c_int, *arguments: Any) -> Callable[..., Any] | None:
    """One of glibc's functions on memory, where there is one. result, arguments: their types."""
    try:
        found = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):  # another C library, or another system
        return None
    found.restype, found.argtypes = result, arguments
    return found  # type: ignore[no-any-return]


def _madvise() -> Callable[..., int] | None:
    """The call that tells the system what becomes of pages: their address, bytes, advice."""
    return _glibc("madvise", ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def keep_freed() -> None:
    """Keep what is freed in this process, in one heap, until `Heap.rest` gives it back.

    The layers of a model allocate and free the same large buffers all the time. glibc returns
    each to the system at once, which then has to clear all its pages again: a fifth to a half of
    the time of a file of texts on a CPU.
    """
    mallopt = _glibc("mallopt", ctypes.c_int, ctypes.c_int, ctypes.c_int)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)  # never
        mallopt(M_ARENA_MAX, 1)


def make_ready(size: int) -> None:
    """Have the system clear the next `size` bytes of the heap, in a thread beside the caller.

    Whoever reads a file of weights into fresh memory stops at each page until the system has
    cleared it: more than half of the time that loading takes from a warm disk. Here another core
    does that, from the end backwards. Does nothing where freed memory is not kept, or where the
    system has no such call.
    """
    malloc = _glibc("malloc", ctypes.c_void_p, ctypes.c_size_t)
    free = _glibc("free", None, ctypes.c_void_p)
    sbrk = _glibc("sbrk", ctypes.c_void_p, ctypes.c_ssize_t)
    madvise = _madvise()
    if malloc is None or free is None or sbrk is None or madvise is None:
        return
    begin = malloc(size)
    free(begin)
    if begin is None or sbrk(0) < begin + size:  # no memory, or it was given back
        return
    first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE

    def fill() -> None:
        end = (begin + size) // mmap.PAGESIZE * mmap.PAGESIZE
        while end - PIECE >= first and madvise(end - PIECE, PIECE, MADV_POPULATE_WRITE) == 0:
            end -= PIECE

    threading.Thread(target=fill, daemon=True).start()


def forget(address: int, size: int) -> bool:
    """Let go of memory that holds what a file holds: where it is used again, it is read again.

    So a weight that was copied does not stay in memory beside its copy as long as another weight
    of the same file is used. False, and nothing is done, if some of it was written to or is no
    file's, or where the system does not tell.
    """
    import numpy as np  # every command imports this module

    madvise = _madvise()
    first = -(-address // mmap.PAGESIZE)
    after = max(first, (address + size) // mmap.PAGESIZE)  # what shares a page stays
    try:
        with open("/proc/self/pagemap", "rb") as file:
            file.seek(8 * first)
            told = file.read(8 * (after - first))
    except OSError:  # another system
        return False
    pages = np.frombuffer(told, np.uint64)
    kinds = set(np.unique(pages & np.uint64(IN_MEMORY | SWAPPED | OF_FILE)).tolist())
    if madvise is None or len(pages) != after - first or kinds - UNCHANGED:
        return False
    return madvise(first * mmap.PAGESIZE, len(pages) * mmap.PAGESIZE, MADV_DONTNEED) == 0


class Heap:
    """The C library's heap, as far as a run of batches wears it.

    Batches have many shapes, and glibc keeps what it was given for each: without this, 100,000
    rows took half as much memory again as 1,000.
    """

    def __init__(self) -> None:
        self._trim = _glibc("malloc_trim", ctypes.c_int, ctypes.c_size_t)
        self._next = time.monotonic() + PAUSE

    def rest(self) -> None:
        """Give back what is free, if that was not done just now."""
        if self._trim is not None and time.monotonic() >= self._next:
            self._trim(0)
            self._next = time.monotonic() + PAUSE
