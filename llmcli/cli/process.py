"""How the process of the shell begins and ends: what is set before anything computes."""

import atexit
import gc
import os
import sys
import threading
from typing import NoReturn

NEW_OBJECTS, YOUNG, OLD = 20_000, 50, 50  # Python's own: 700 (2,000 since 3.13), 10, 10


def set_up() -> None:
    """Let garbage, freed memory and the threads of numpy get in nobody's way.

    Python looks for cycles of garbage after each few hundred new objects: a seventh of the time
    that importing transformers takes, which makes hundreds of thousands and throws none away.

    What numpy multiplies is small here, but its threads would go on spinning for a while on the
    cores that CTranslate2 or torch need. What becomes of freed memory, `keep_freed` says.
    """
    gc.set_threshold(NEW_OBJECTS, YOUNG, OLD)
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # spin 2^4 cycles, then sleep
    if sys.platform.startswith("linux") and not _chosen_by_user():
        from llmcli.system.memory import keep_freed

        keep_freed()


def _chosen_by_user() -> bool:
    """True where the environment sets up malloc, or puts another one in its place."""
    names = os.environ.keys()
    return "LD_PRELOAD" in names or any(
        name == "GLIBC_TUNABLES" or (name.startswith("MALLOC_") and name.endswith("_"))
        for name in names
    )


def leave(done: SystemExit) -> NoReturn:
    """End the process as Python would, without taking it apart object by object.

    That takes a sixth of the time of a short command, and nearly a second where torch is loaded;
    the system frees all of it at once. What is registered for the end of a program is done all
    the same. Python's own way is left to an exit that has more to do: a message to print, threads
    to wait for.
    """
    threads = [one for one in threading.enumerate() if not one.daemon]
    if not isinstance(done.code, int) or len(threads) > 1:
        raise done
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is None:  # closed by the shell
            continue
        try:
            stream.flush()
        except (OSError, ValueError):  # Python would say so, and end with its own status
            raise done from None
    os._exit(done.code)
