"""The memory of this process: cleared ahead, kept for reuse, released between batches."""

import ctypes
import mmap
import threading
import time
from collections.abc import Callable
from typing import Any

PAUSE = 0.5  # seconds between two releases, which take some milliseconds
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # <malloc.h>
MADV_DONTNEED, MADV_POPULATE_WRITE = 4, 23  # <linux/mman.h>; the second since Linux 5.14
# <Documentation/admin-guide/mm/pagemap.rst> of Linux
IN_MEMORY, SWAPPED, OF_FILE = (1 << bit for bit in (63, 62, 61))
UNCHANGED = {0, OF_FILE, IN_MEMORY | OF_FILE}
CHUNK = 4 << 20  # bytes that are populated by one system call


def _glibc(name: str, result: Any = ctypes.c_int, *arguments: Any) -> Callable[..., Any] | None:
    """A function of glibc; None if there is none. result, arguments: their types in ctypes."""
    try:
        function = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):  # another C library, or another system
        return None
    function.restype, function.argtypes = result, arguments
    return function  # type: ignore[no-any-return]


def _madvise() -> Callable[..., int] | None:
    """madvise(address, bytes, advice)."""
    return _glibc("madvise", ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)


def keep_freed() -> None:
    """Keep freed memory in the heap of this process, until `Heap.release` returns it.

    The layers of a model allocate and free the same large buffers all the time. glibc returns each
    to the system at once, which then has to clear all its pages again: that takes a fifth to a half
    of the time for a file of texts on a CPU.
    """
    mallopt = _glibc("mallopt", ctypes.c_int, ctypes.c_int, ctypes.c_int)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)  # never
        mallopt(M_ARENA_MAX, 1)


def make_ready(size: int) -> None:
    """Clear the next `size` bytes of the heap in a background thread.

    Reading a file of weights into new memory waits at each page until the system has cleared it:
    more than half of the loading time if the file is cached. Here another core does that, from the
    end backwards. Does nothing unless `keep_freed` was called on a system that supports it.
    """
    malloc = _glibc("malloc", ctypes.c_void_p, ctypes.c_size_t)
    free = _glibc("free", None, ctypes.c_void_p)
    sbrk = _glibc("sbrk", ctypes.c_void_p, ctypes.c_ssize_t)
    madvise = _madvise()
    if malloc is None or free is None or sbrk is None or madvise is None:
        return
    begin = malloc(size)
    free(begin)
    if begin is None or sbrk(0) < begin + size:  # no memory, or it was returned
        return
    first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE

    def fill() -> None:
        end = (begin + size) // mmap.PAGESIZE * mmap.PAGESIZE
        while end - CHUNK >= first and madvise(end - CHUNK, CHUNK, MADV_POPULATE_WRITE) == 0:
            end -= CHUNK

    threading.Thread(target=fill, daemon=True).start()


def forget(address: int, size: int) -> bool:
    """Release memory that is mapped from a file: it is read again if it is used again.

    So a weight that was copied does not stay in memory beside its copy while other weights of the
    same file are used. Returns False, and does nothing, if some of it was modified or is not mapped
    from a file, or if the system does not say.
    """
    import numpy as np  # every command imports this module

    madvise = _madvise()
    first = -(-address // mmap.PAGESIZE)
    after = max(first, (address + size) // mmap.PAGESIZE)  # whole pages only
    try:
        with open("/proc/self/pagemap", "rb") as file:
            file.seek(8 * first)
            entries = file.read(8 * (after - first))
    except OSError:  # another system
        return False
    pages = np.frombuffer(entries, np.uint64)
    kinds = set(np.unique(pages & np.uint64(IN_MEMORY | SWAPPED | OF_FILE)).tolist())
    if madvise is None or len(pages) != after - first or kinds - UNCHANGED:
        return False
    return madvise(first * mmap.PAGESIZE, len(pages) * mmap.PAGESIZE, MADV_DONTNEED) == 0


class Heap:
    """Releases freed heap memory between batches.

    Batches have many shapes, and glibc keeps the memory of each: without this, 100,000 rows took
    half as much memory again as 1,000.
    """

    def __init__(self) -> None:
        self._trim = _glibc("malloc_trim", ctypes.c_int, ctypes.c_size_t)
        self._next = time.monotonic() + PAUSE

    def release(self) -> None:
        """Return free memory to the system, unless that was done just now."""
        if self._trim is not None and time.monotonic() >= self._next:
            self._trim(0)
            self._next = time.monotonic() + PAUSE
