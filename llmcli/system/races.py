"""Timing several ways to compute the same thing, in turns, where nothing else disturbs them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Clock = Callable[[], float]
"""Returns seconds."""
Works = Mapping[str, Callable[[], object]]
"""Candidates by name; the first one is sure to work."""

TIME = 0.05  # seconds after which a race ends, once the candidates have run LEAST times
LEAST, MOST = 2, 5  # timed runs of each candidate
HOPELESS, LONG = 4, 0.015  # times the least, and seconds, after which a candidate runs only once
OWN_SHARE = 0.8  # of the time, during which the thread that times has to have a core
AGREEMENT = 1.5  # the times of the fastest candidate may differ by this factor
STOLEN = 0.1  # of a core's time, taken by other virtual machines
STAT = Path("/proc/stat")
TICKS = 100  # of STAT in a second


class Disturbed(Exception):
    """Other programs had the cores while something was timed."""


def stolen_time() -> float:
    """Seconds of all cores that other virtual machines took, since the start; 0 if unknown."""
    try:
        with STAT.open(encoding="ascii") as file:
            return int(file.readline().split()[8]) / TICKS
    except (OSError, ValueError, IndexError):
        return 0.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What a race reads: seconds that only ever grow."""

    clock: Clock = time.perf_counter
    own: Clock = time.thread_time
    """Of the thread that times. A candidate keeps it busy."""
    stolen: Clock = stolen_time


def race(
    works: Works, watch: Watch, same: Callable[[object, object], bool] | None = None
) -> dict[str, float]:
    """The least seconds of each candidate, which run in turns.

    same: says if a result is that of the first candidate, but for rounding. Left out are candidates
    that raise RuntimeError at their first run, or give another result, and those for which no time
    is left. Raises Disturbed if other programs had the cores meanwhile.
    """
    began, own, stolen = watch.clock(), watch.own(), watch.stolen()
    firsts = _first_runs(works, watch.clock, same)
    limit = max(LONG, HOPELESS * min(firsts.values()))
    times: dict[str, list[float]] = {name: [] for name in firsts if firsts[name] <= limit}
    for turn in range(MOST):
        if turn >= LEAST and watch.clock() - began >= TIME:
            break
        for name, values in times.items():
            start = watch.clock()
            works[name]()
            values.append(watch.clock() - start)
    passed = watch.clock() - began
    least = {name: min(values) for name, values in times.items()}
    first, second = sorted(times[min(least, key=lambda name: least[name])])[:2]
    had_cores = watch.own() - own >= OWN_SHARE * passed
    if not had_cores or watch.stolen() - stolen > STOLEN * passed or second > AGREEMENT * first:
        raise Disturbed
    return {**firsts, **least}


def _first_runs(
    works: Works, clock: Clock, same: Callable[[object, object], bool] | None
) -> dict[str, float]:
    """The seconds of the first run of each candidate that gives the result of the first one."""
    seconds: dict[str, float] = {}
    expected: object = None
    for name, work in works.items():
        if sum(seconds.values()) > TIME:
            break
        start = clock()
        try:
            result = work()
        except RuntimeError:  # NotImplementedError is one
            if seconds:
                continue
            raise
        passed = clock() - start
        if not seconds:
            expected = result
        elif same is not None and not same(expected, result):
            continue
        seconds[name] = passed
    return seconds
