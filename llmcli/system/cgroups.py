"""How much of the processor a container may use: the quota of its control groups, on Linux.

Source: cpu.cfs_quota_us in Documentation/scheduler/sched-bwc.rst of Linux, and cpu.max in
Documentation/admin-guide/cgroup-v2.rst.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

GROUPS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")


def cpu_quota() -> float | None:
    """The processors' time that this process may use, in processors; None without a limit.

    A group has at most what the groups above it have. Inside a container the names of these may be
    those of the host, which it does not see: then what it sees as its root counts.
    """
    quotas = [quota for folder in _folders() if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _folders() -> Iterator[Path]:
    """The folders of the groups of this process that limit processors, and of those above."""
    try:
        lines = GROUPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # another system
        return
    for line in lines:  # 4:cpu,cpuacct:/docker/abc in version 1; 0::/docker/abc in version 2
        number, _, rest = line.partition(":")
        names, _, group = rest.partition(":")
        if number == "0" and not names:
            roots = [MOUNT, MOUNT / "unified"]
        elif "cpu" in names.split(","):
            roots = [MOUNT / names, MOUNT / "cpu"]
        else:
            continue
        path = PurePosixPath(group.lstrip("/"))
        if ".." in path.parts:
            path = PurePosixPath()
        for root in roots:
            yield from (root / part for part in (path, *path.parents))


def _quota(folder: Path) -> float | None:
    """The quota of one group; None if it has none."""
    with suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return _ratio(quota, period)
    with suppress(OSError, ValueError):
        quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii")
        period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii")
        return _ratio(quota, period)
    return None


def _ratio(quota: str, period: str) -> float | None:
    """Raises ValueError for what is no number: `max` is no limit either."""
    part, whole = int(quota), int(period)
    return part / whole if part > 0 and whole > 0 else None
