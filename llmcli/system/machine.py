"""What this machine is, and how fast it reads memory and multiplies matrices."""

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Clock = Callable[[], float]

READ_BYTES = 256 * 2**20  # more than most caches hold
SMALLEST, LARGEST = 256, 4096  # rows of the matrices
LONG_ENOUGH = 0.01  # seconds that one product takes at least, if it is not of the largest
REPEATS = 5
PATIENCE = 0.3  # seconds after which one measurement is not repeated any more

INSTRUCTIONS = {
    "avx": "avx",
    "avx2": "avx2",
    "fma": "fma",
    "avx_vnni": "avx_vnni",
    "avx512f": "avx512",
    "avx512_vnni": "avx512_vnni",
    "avx512_bf16": "avx512_bf16",
    "avx512_fp16": "avx512_fp16",
    "amx_tile": "amx",
    "amx_int8": "amx_int8",
    "amx_bf16": "amx_bf16",
    "asimd": "neon",
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "bf16": "bf16",
    "sve": "sve",
}
"""Linux's names of what matters to a matrix product, and the names used here."""


FAST_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}
INT8_PRODUCTS = {"avx_vnni", "avx512_vnni", "amx_int8"}


@dataclass(frozen=True, slots=True)
class Description:
    """What a machine says of itself."""

    cpu: str
    cores: int
    """That this process may use."""
    instructions: tuple[str, ...]
    """Those that speed matrix products up, such as avx2; empty where nothing tells them."""
    memory: int | None
    """Bytes in all; None where nothing tells them."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast matrices are multiplied in one dtype."""

    library: str
    dtype: str
    gflops: float
    """10^9 multiplications and additions a second, each counted as one."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, and what was measured on it with all its cores."""

    description: Description
    bandwidth: float
    """GB/s (10^9 bytes) read from memory."""
    rates: tuple[Rate, ...]

    def rate(self, dtype: str) -> Rate | None:
        """The fastest rate that was measured in this dtype."""
        found = [rate for rate in self.rates if rate.dtype == dtype]
        return max(found, key=lambda rate: rate.gflops, default=None)


def describe() -> Description:
    """Say what this machine is, without measuring. Never fails: what is not told is left out."""
    info = _read(Path("/proc/cpuinfo"))
    return Description(
        cpu=cpu_name(info) or _sysctl("machdep.cpu.brand_string") or platform.processor() or "?",
        cores=_cores(),
        instructions=instruction_sets(info) or _apple_instructions(),
        memory=_memory(),
    )


def has_fast_bfloat16() -> bool:
    """True where the processor multiplies bfloat16 matrices in hardware, as the system tells it."""
    return bool(FAST_BFLOAT16 & set(describe().instructions))


def has_int8_products() -> bool:
    """True where the processor multiplies and adds 8-bit integers at once, as torch needs them.

    An x86 processor without that adds them up in 16 bits, which overflow.
    """
    return bool(INT8_PRODUCTS & set(describe().instructions))


def measure(*, with_torch: bool = False, clock: Clock = time.perf_counter) -> Machine:
    """Describe this machine and measure it, in less than 3 seconds.

    with_torch: measure torch's products too, in float32, bfloat16 and int8; it is imported. That
    of int8 is slow on processors without int8 dot products (vnni, dotprod), where other libraries
    have faster ones: it is torch's rate, not a limit.
    """
    description = describe()
    bandwidth = read_bandwidth(threads=description.cores, clock=clock)
    rates = [Rate("numpy", "float32", matrix_rate(_numpy_product, clock=clock))]
    if with_torch:
        products = (
            ("float32", _torch_product("float32")),
            ("bfloat16", _torch_product("bfloat16")),
            ("int8", _torch_int8),
        )
        for dtype, product in products:
            found = matrix_rate(product, clock=clock)
            rates.append(Rate("torch", dtype, found))
    return Machine(description, bandwidth, tuple(rates))


def median_seconds(
    work: Callable[[], object],
    *,
    repeats: int = REPEATS,
    patience: float = PATIENCE,
    clock: Clock = time.perf_counter,
) -> float:
    """Median time of `work`, which has run before, over `repeats`, fewer once `patience` is up."""
    times: list[float] = []
    while len(times) < repeats and sum(times) < patience:
        began = clock()
        work()
        times.append(clock() - began)
    return float(np.median(times))


def read_bandwidth(
    size: int = READ_BYTES, *, threads: int = 1, clock: Clock = time.perf_counter
) -> float:
    """GB/s at which `threads` together read `size` bytes once, each its own part.

    What is read is only compared (the maximum of bytes), so that memory is the limit. Each
    thread writes its part first: memory that no one wrote is not there.
    """
    data = np.empty(size, dtype=np.uint8)
    parts = np.array_split(data, threads)  # views
    with ThreadPoolExecutor(threads) as pool:

        def each(work: Callable[[Any], object]) -> None:
            list(pool.map(work, parts))

        each(lambda part: part.fill(1))
        each(np.max)
        seconds = median_seconds(lambda: each(np.max), clock=clock)
    return size / seconds / 1e9


def matrix_rate(
    product: Callable[[int], Callable[[], object]], *, clock: Clock = time.perf_counter
) -> float:
    """GFLOP/s of the product of two square matrices; it has 2 n^3 operations.

    product: makes what multiplies two matrices of n rows. n doubles until that takes
    LONG_ENOUGH, so that slow machines are not kept waiting and fast ones are kept busy.
    """
    rows = SMALLEST
    while True:
        work = product(rows)
        work()  # the first one makes threads and buffers
        seconds = median_seconds(work, repeats=1, clock=clock)
        if seconds >= LONG_ENOUGH or rows >= LARGEST:
            break
        rows *= 2
    return 2 * rows**3 / median_seconds(work, clock=clock) / 1e9


def _numpy_product(rows: int) -> Callable[[], object]:
    some, out = np.ones((rows, rows), np.float32), np.empty((rows, rows), np.float32)
    return lambda: np.matmul(some, some, out=out)


def _torch_product(dtype: str) -> Callable[[int], Callable[[], object]]:
    def product(rows: int) -> Callable[[], object]:
        import torch

        some = torch.ones(rows, rows, dtype=getattr(torch, dtype))
        return lambda: some @ some

    return product


def _torch_int8(rows: int) -> Callable[[], object]:
    import torch

    some = torch.ones(rows, rows, dtype=torch.int8)
    return lambda: torch._int_mm(some, some)  # sums in int32


# --- what the system tells ---


def cpu_name(info: str) -> str | None:
    """The processor's name in the text of Linux's /proc/cpuinfo.

    >>> cpu_name("processor : 0\\nmodel name\\t: AMD EPYC 7763\\n")
    'AMD EPYC 7763'
    """
    found = re.search(r"^(?:model name|Processor|cpu model)\s*:\s*(.+)$", info, re.MULTILINE)
    return found[1].strip() if found else None


def instruction_sets(info: str) -> tuple[str, ...]:
    """What speeds up a matrix product, of the flags in the text of Linux's /proc/cpuinfo.

    >>> instruction_sets("flags : fpu sse2 avx avx2 amx_tile")
    ('avx', 'avx2', 'amx')
    """
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", info, re.MULTILINE)
    flags = set(found[1].split()) if found else set()
    return tuple(told for name, told in INSTRUCTIONS.items() if name in flags)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def physical_cores() -> int:
    """Cores that this process may use, counted without hyperthreads where Linux tells them."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    cores = set()
    for number in usable:
        path = Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")
        cores.add(path.read_text() if path.exists() else str(number))
    return len(cores) or os.cpu_count() or 1


def peak_memory() -> int | None:
    """The most bytes that this process has held in memory; None on systems that do not tell."""
    own = re.search(r"VmHWM:\s*(\d+) kB", _read(Path("/proc/self/status")))
    if own is not None:
        return int(own[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    # On Linux it would count in the memory of whoever started this process.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _memory() -> int | None:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    told = _sysctl("hw.memsize")
    return int(told) if told else None


def available_memory() -> int | None:
    """Bytes that programs can still be given; all of the memory where Linux does not tell."""
    told = re.search(r"MemAvailable:\s*(\d+) kB", _read(Path("/proc/meminfo")))
    return int(told[1]) * 1024 if told is not None else _memory()


def _apple_instructions() -> tuple[str, ...]:
    names = {"FEAT_DotProd": "dotprod", "FEAT_I8MM": "i8mm", "FEAT_BF16": "bf16"}
    found = [told for name, told in names.items() if _sysctl(f"hw.optional.arm.{name}") == "1"]
    if platform.machine() in ("arm64", "aarch64"):
        return ("neon", *found)
    return tuple(found)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _sysctl(name: str) -> str | None:
    """A value of macOS's sysctl, None elsewhere."""
    if platform.system() != "Darwin":
        return None
    command = ["/usr/sbin/sysctl", "-n", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
