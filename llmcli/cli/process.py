"""How the process starts and ends: signals, streams, garbage collection, memory, threads."""

import atexit
import gc
import os
import sys
import threading
import warnings
from typing import NoReturn, TypeVar

from llmcli.cli.failures import failure_of
from llmcli.errors import LlmcliError
from llmcli.system import limits, signals, streams

WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "GOMP_CPU_AFFINITY", "OMP_PROC_BIND")
"""Variables by which a user says how the threads of OpenMP wait, or where they run."""
SPINS = "1000"
NEW_OBJECTS, YOUNG, OLD = 20_000, 50, 50  # Python's own: 700 (2,000 since 3.13), 10, 10


def set_up() -> None:
    """Take signals and streams over; set up memory and the threads of numpy for speed.

    By default Python looks for reference cycles after every few hundred new objects. That takes a
    seventh of the time of importing transformers, which makes hundreds of thousands of objects and
    drops none.

    The matrices that numpy multiplies here are small, but its threads would keep spinning on the
    cores that CTranslate2 or torch need. So would those of torch, for the others of its threads
    that a neighbour keeps from running: they spin for a moment, then sleep. For the allocator, see
    `keep_freed`.
    """
    streams.prepare()
    signals.take_over()
    limits.guard_imports()
    sys.unraisablehook = signals.show_no_interrupts
    if not sys.warnoptions:  # those of libraries
        warnings.simplefilter("ignore")
    gc.set_threshold(NEW_OBJECTS, YOUNG, OLD)
    gc.enable()
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # spin 2^4 cycles, then sleep
    if not any(name in os.environ for name in WAITING):
        os.environ["GOMP_SPINCOUNT"] = SPINS
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


def leave(code: object) -> NoReturn:
    """End the process as Python would, but without freeing every object.

    That takes a sixth of the time of a short command, and nearly a second if torch is loaded; the
    operating system frees all memory at once. Functions registered with atexit are still called,
    unless a signal ends the process: they may wait for a batch of a model.
    If there is more to do, a message to print or threads to wait for, Python's own way is taken.
    code: what SystemExit was raised with.
    """
    number = signals.received()
    if number is not None:
        _flush(number)
        os._exit(128 + number)
    signals.leave_at_once()  # from here on
    threads = [thread for thread in threading.enumerate() if not thread.daemon]
    if not isinstance(code, int) or len(threads) > 1:
        raise SystemExit(_flush(code))
    atexit._run_exitfuncs()
    os._exit(_flush(code))


Code = TypeVar("Code")


def _flush(code: Code) -> Code | int:
    """Write what is left in stdout. Returns the exit code, that of the failure if it fails."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # the reader has enough
    except (LlmcliError, OSError, ValueError) as error:
        if code in (0, 1):  # else it has been shown
            failure = failure_of(error)
            sys.stderr.write(f"Error: {failure}\n")
            return failure.exit_code
    return code
