"""How the process starts and ends: garbage collection, memory, threads."""

import atexit
import gc
import os
import sys
import threading
from typing import NoReturn

NEW_OBJECTS, YOUNG, OLD = 20_000, 50, 50  # Python's own: 700 (2,000 since 3.13), 10, 10


def set_up() -> None:
    """Set up garbage collection, the threads of numpy and the memory allocator for speed.

    By default Python looks for reference cycles after every few hundred new objects. That takes a
    seventh of the time of importing transformers, which makes hundreds of thousands of objects and
    drops none.

    The matrices that numpy multiplies here are small, but its threads would keep spinning on the
    cores that CTranslate2 or torch need. For the allocator, see `keep_freed`.
    """
    gc.set_threshold(NEW_OBJECTS, YOUNG, OLD)
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # spin 2^4 cycles, then sleep
    if sys.platform.startswith("linux") and not _chosen_by_user():
        from llmcli.system.memory import keep_freed

        keep_freed()


def _chosen_by_user() -> bool:
    """True if the environment configures malloc, or replaces it."""
    names = os.environ.keys()
    return "LD_PRELOAD" in names or any(
        name == "GLIBC_TUNABLES" or (name.startswith("MALLOC_") and name.endswith("_"))
        for name in names
    )


def leave(done: SystemExit) -> NoReturn:
    """End the process as Python would, but without freeing every object.

    That takes a sixth of the time of a short command, and nearly a second if torch is loaded; the
    operating system frees all memory at once. Functions registered with atexit are still called.
    If there is more to do, a message to print or threads to wait for, Python's own way is taken.
    """
    threads = [thread for thread in threading.enumerate() if not thread.daemon]
    if not isinstance(done.code, int) or len(threads) > 1:
        raise done
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # closed by the shell
            continue
        try:
            stream.flush()
        except (OSError, ValueError):  # Python reports it, and ends with its own status
            raise done from None
    os._exit(done.code)
