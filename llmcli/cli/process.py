"""What is set for the whole process, once, before anything computes."""

import gc
import os
import sys

NEW_OBJECTS, YOUNG, OLD = 20_000, 50, 50  # Python's own: 700 (2,000 since 3.13), 10, 10
# <malloc.h> of glibc
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8


def set_up() -> None:
    """Let garbage, freed memory and the threads of numpy get in nobody's way.

    Python looks for cycles of garbage after each few hundred new objects: a seventh of the time
    that importing transformers takes, which makes hundreds of thousands and throws none away.

    The layers of a model allocate and free the same large buffers all the time. glibc returns
    each to the system at once, which then has to clear all its pages again: a fifth to a half of
    the time of a file of texts on a CPU. What numpy multiplies is small here, but its threads
    would go on spinning for a while on the cores that CTranslate2 or torch need.
    """
    gc.set_threshold(NEW_OBJECTS, YOUNG, OLD)
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # spin 2^4 cycles, then sleep
    if sys.platform.startswith("linux") and not _chosen_by_user():
        import ctypes

        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:  # musl has none
            mallopt(M_MMAP_MAX, 0)
            mallopt(M_TRIM_THRESHOLD, -1)  # never
            mallopt(M_ARENA_MAX, 1)


def _chosen_by_user() -> bool:
    """True where the environment sets up malloc, or puts another one in its place."""
    names = os.environ.keys()
    return "LD_PRELOAD" in names or any(
        name == "GLIBC_TUNABLES" or (name.startswith("MALLOC_") and name.endswith("_"))
        for name in names
    )
