"""Which of several processes this is, as torchrun, accelerate launch or --nproc set it up."""

import os
import signal
import sys
from collections.abc import Mapping

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def rank() -> int:
    """The number of this process among all, from 0; 0 if it is the only one."""
    return int(os.environ.get("RANK", "0"))


def is_one_of_several() -> bool:
    """True if this process was started as part of a group."""
    return "RANK" in os.environ


def world_size() -> int:
    """How many processes make one run together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """True for the process that reports and writes."""
    return rank() == 0


def end_with_parent() -> None:
    """Let this process get SIGTERM when the one that started it ends, on Linux."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def environment(number: int, count: int, port: int, cores: int) -> Mapping[str, str]:
    """The variables by which process `number` of `count` finds the others on this machine."""
    threads = (
        {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(max(1, cores // count))}
    )
    return {
        **os.environ,
        **threads,
        "RANK": str(number),
        "LOCAL_RANK": str(number),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
