"""What the system says about this machine: processor, instruction sets, cores, memory."""

import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from llmcli.system.cgroups import cpu_quota

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
"""Instruction sets that speed up matrix products: Linux's names, and the names used here."""

CORES = Path("/sys/devices/system/cpu")
FAST_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}
INT8_PRODUCTS = {"avx_vnni", "avx512_vnni", "amx_int8"}


@dataclass(frozen=True, slots=True)
class Description:
    """What a machine is."""

    cpu: str
    cores: int
    """Logical cores that this process may use."""
    instructions: tuple[str, ...]
    """Those that speed up matrix products, such as avx2; empty if unknown."""
    memory: int | None
    """Total bytes; None if unknown."""


def describe() -> Description:
    """Describe this machine without measuring it. Never fails: unknown values are left out."""
    info = _read(Path("/proc/cpuinfo"))
    return Description(
        cpu=cpu_name(info) or _sysctl("machdep.cpu.brand_string") or platform.processor() or "?",
        cores=_logical_cores(),
        instructions=instruction_sets(info) or _apple_instructions(),
        memory=_total_memory(),
    )


def has_fast_bfloat16() -> bool:
    """True if the processor multiplies bfloat16 matrices in hardware."""
    return bool(FAST_BFLOAT16 & set(describe().instructions))


def has_int8_products() -> bool:
    """True if the processor multiplies and adds 8-bit integers in 32 bits, as torch needs it.

    An x86 processor without such instructions adds in 16 bits, which overflow.
    """
    return bool(INT8_PRODUCTS & set(describe().instructions))


def cpu_name(info: str) -> str | None:
    """The processor's name in the text of Linux's /proc/cpuinfo.

    >>> cpu_name("processor : 0\\nmodel name\\t: AMD EPYC 7763\\n")
    'AMD EPYC 7763'
    """
    name = re.search(r"^(?:model name|Processor|cpu model)\s*:\s*(.+)$", info, re.MULTILINE)
    return name[1].strip() if name else None


def instruction_sets(info: str) -> tuple[str, ...]:
    """The instruction sets for matrix products in the text of Linux's /proc/cpuinfo.

    >>> instruction_sets("flags : fpu sse2 avx avx2 amx_tile")
    ('avx', 'avx2', 'amx')
    """
    line = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", info, re.MULTILINE)
    flags = set(line[1].split()) if line else set()
    return tuple(name for flag, name in INSTRUCTIONS.items() if flag in flags)


def _logical_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def physical_cores() -> int:
    """Cores that this process may use; on Linux, hyperthreads of one core count once."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    cores = set()
    for number in usable:
        path = CORES / f"cpu{number}" / "topology" / "thread_siblings_list"
        cores.add(path.read_text() if path.exists() else str(number))
    return len(cores) or os.cpu_count() or 1


def usable_threads() -> int:
    """Threads that compute a model, for all libraries.

    The first number in OMP_NUM_THREADS, else one for each physical core that this process may use:
    two threads of a core share its multipliers and only disturb each other. A container's quota of
    time limits them, rounded to the nearest whole number: of 1.5 processors, 2 threads that pause
    for a quarter of the time use more than 1 thread does.
    """
    setting = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if setting.isdecimal() and int(setting):
        return int(setting)
    quota = cpu_quota()
    return physical_cores() if quota is None else max(1, min(physical_cores(), int(quota + 0.5)))


def peak_memory() -> int | None:
    """The most bytes that this process has had in memory; None if the system does not say."""
    peak = re.search(r"VmHWM:\s*(\d+) kB", _read(Path("/proc/self/status")))
    if peak is not None:
        return int(peak[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    # Not used on Linux, where it includes the memory of the parent process.
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage if sys.platform == "darwin" else usage * 1024


def _total_memory() -> int | None:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    size = _sysctl("hw.memsize")
    return int(size) if size else None


def available_memory() -> int | None:
    """Bytes that programs can still allocate; the total memory if the system does not say."""
    available = re.search(r"MemAvailable:\s*(\d+) kB", _read(Path("/proc/meminfo")))
    return int(available[1]) * 1024 if available is not None else _total_memory()


def _apple_instructions() -> tuple[str, ...]:
    features = {"FEAT_DotProd": "dotprod", "FEAT_I8MM": "i8mm", "FEAT_BF16": "bf16"}
    present = [
        name for feature, name in features.items() if _sysctl(f"hw.optional.arm.{feature}") == "1"
    ]
    if platform.machine() in ("arm64", "aarch64"):
        return ("neon", *present)
    return tuple(present)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _sysctl(name: str) -> str | None:
    """A value of macOS's sysctl; None on other systems."""
    if platform.system() != "Darwin":
        return None
    command = ["/usr/sbin/sysctl", "-n", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
