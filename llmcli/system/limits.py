"""Limits on the memory of this process, noticed before a native library loads.

NumPy, CTranslate2 and torch start threads and reserve memory when they are imported. Where that
fails, they abort the process, or hang. So under a limit (`ulimit -v`, `ulimit -d`), a hook of the
import system compares what is left with what was measured to be needed. Without a limit, which is
usual, there is no hook.
"""

import errno
import os
import sys
from importlib.util import find_spec
from typing import NamedTuple

from llmcli.errors import OutOfMemory
from llmcli.system.resource_errors import SCARCE
from llmcli.system.signals import open_files

MB = 1 << 20
FEWEST = 5  # open files, with which a library can still read its own


class Need(NamedTuple):
    """What the import of a library takes, in MB of address space; measured on x86-64 Linux."""

    fixed: int
    per_core: int
    """For each core, a thread with its stack and buffers."""
    libraries: str = ""
    """A folder of the package whose files are mapped, and whose size differs by its build."""


NEEDS = {
    "numpy": Need(70, 48),
    "tokenizers": Need(40, 16),
    "ctranslate2": Need(110, 20),
    "torch": Need(330, 48, "lib"),
    "transformers": Need(150, 0),
}


class MemoryGate:
    """A finder of the import system that finds nothing, but refuses what does not fit."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Raise OutOfMemory for a library that needs more than the limits leave."""
        need = NEEDS.get(name)
        if need is None:
            return
        if open_files() < FEWEST:
            raise OutOfMemory(SCARCE[errno.EMFILE])
        require_room(name, need)


def guard_imports() -> None:
    """Refuse imports that do not fit, if this process has a limit on memory, or few files."""
    if open_files() < FEWEST or any(limit is not None for limit in _limits()):
        sys.meta_path.insert(0, MemoryGate())


def require_room(name: str, need: Need) -> None:
    """Raise OutOfMemory unless the limits on memory leave what a library needs."""
    size = need.fixed + need.per_core * _cores()
    space, data = _limits()
    used, used_data = _used()
    with_libraries = size + _libraries(name, need) // MB
    for limit, taken, wanted in ((space, used, with_libraries), (data, used_data, size)):
        if limit is not None and limit - taken < wanted * MB:
            raise OutOfMemory(
                f"out of memory: {name} needs {wanted:,} MB, and the limit of this process "
                f"(ulimit) of {limit // MB:,} MB leaves {max(0, limit - taken) // MB:,} MB"
            )


def _limits() -> tuple[int | None, int | None]:
    """The limits on address space and on data, in bytes; None for no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None, None
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    space, data = (None if limit == resource.RLIM_INFINITY else limit for limit in limits)
    return space, data


def _used() -> tuple[int, int]:
    """How many bytes of address space, and of data, this process has; 0 if unknown."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = file.read().split()
    except OSError:
        return 0, 0
    size = os.sysconf("SC_PAGE_SIZE")
    return int(pages[0]) * size, int(pages[5]) * size


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _libraries(name: str, need: Need) -> int:
    """The size of a package's shared libraries, in bytes."""
    if not need.libraries:
        return 0
    gates = [finder for finder in sys.meta_path if isinstance(finder, MemoryGate)]
    for gate in gates:  # it would ask itself
        sys.meta_path.remove(gate)
    try:
        spec = find_spec(name)
    finally:
        sys.meta_path[:0] = gates
    folders = spec.submodule_search_locations if spec is not None else None
    files = (file for folder in folders or () for file in os.scandir(f"{folder}/{need.libraries}"))
    return sum(file.stat().st_size for file in files if file.is_file())
