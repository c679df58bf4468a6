"""What is fastest on this machine: measured once, remembered in the cache, kept while a run lasts.

A contest names ways to compute the same thing. Where a file or a training begins, those that are
not decided yet are measured, for at most BUDGET seconds in all contests of one engine. A result is
thrown away if other programs disturbed it. Without a result, a fixed choice holds.
"""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from llmcli import __version__
from llmcli.errors import InputError, LlmcliError, UsageError
from llmcli.system import own_files
from llmcli.system.cache import cache_root
from llmcli.system.machine import describe, usable_threads
from llmcli.system.metadata import Metadata
from llmcli.system.races import Disturbed, Watch

VARIABLE = "LLMCLI_CALIBRATION"
FIXED = "fixed"  # a value of the variable: nothing is measured or remembered
BUDGET = 0.25  # seconds that the contests of one engine may take in a process
GAIN = 0.95  # share of the default's time that another candidate may take at most
FOLDER = "calibration"
WATCH = Watch()

Source = Literal["measured", "remembered", "fixed", "forced", "resumed"]


@dataclass(frozen=True, slots=True)
class Contest:
    """Ways to compute the same thing, of which the fastest one is chosen."""

    name: str
    """What is computed, and in which dtype."""
    default: str | Callable[[], str]
    """The candidate that is taken where nothing is measured; it works."""
    candidates: tuple[str, ...]
    measure: Callable[[Watch], Mapping[str, float]]
    """Times the candidates, in seconds, as `race` does.

    It leaves out candidates that fail here or that give another result. Raises Disturbed.
    """
    engine: str = "torch"
    """The engine whose budget it uses."""
    libraries: tuple[str, ...] = ("torch",)
    """Packages whose versions the result depends on."""
    works: Callable[[str], bool] = lambda candidate: True
    """Says if a candidate works on this machine."""

    def fixed(self) -> str:
        """The default candidate."""
        return self.default if isinstance(self.default, str) else self.default()


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate that was chosen."""

    contest: str
    candidate: str
    source: Source
    reason: str = ""
    """Why it is fixed, in a few words."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """What was measured, by candidate."""

    def __str__(self) -> str:
        """One line for a person.

        >>> str(Choice("linear", "plain", "measured", seconds={"plain": 0.001, "packed": 0.002}))
        'linear: plain (measured: plain 1.000 ms, packed 2.000 ms)'
        """
        times = ", ".join(
            f"{name} {1000 * value:.3f} ms"
            for name, value in sorted(self.seconds.items(), key=lambda item: item[1])
        )
        why = ": ".join(filter(None, (self.source, self.reason or times)))
        return f"{self.contest}: {self.candidate} ({why})"


@dataclass(slots=True)
class _State:
    """What this process has decided."""

    allowed: bool = False
    choices: dict[str, Choice] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    """Seconds of measuring, by engine."""
    resumed: Mapping[str, str] = field(default_factory=dict)
    """The choices of the run that this one continues."""


_state = _State()
_lock = threading.RLock()


def choice(contest: Contest, watch: Watch = WATCH) -> str:
    """The candidate of a contest that this process takes, from the first call to the last.

    watch: what measuring reads. Raises UsageError if LLMCLI_CALIBRATION names a
    candidate that the contest does not have; InputError if a resumed run took one.
    """
    decided = _state.choices.get(contest.name)
    if decided is None:
        with _lock:
            decided = _state.choices.get(contest.name) or _decide(contest, watch)
            _state.choices[contest.name] = decided
    return decided.candidate


def allow_measuring() -> None:
    """Measure what is not decided yet from here on: a batch or a training begins.

    Choices that were fixed because nothing might be measured are made again.
    """
    with _lock:
        if not _state.allowed:
            _state.allowed = True
            for name in [name for name, made in _state.choices.items() if made.reason == UNASKED]:
                del _state.choices[name]


def resume(choices: Mapping[str, str]) -> None:
    """Take the choices of an earlier run, whatever is faster now."""
    with _lock:
        _state.resumed = dict(choices)
        _state.choices.clear()


def forget() -> None:
    """Forget everything that this process has decided."""
    global _state
    with _lock:
        _state = _State()


def chosen() -> tuple[Choice, ...]:
    """All choices that this process has made, by name."""
    with _lock:
        return tuple(made for _, made in sorted(_state.choices.items()))


UNASKED = "nothing is measured for a short text"
DISTURBED = "other programs disturbed the measuring"
NO_TIME = "the next run measures it"
UNWRITABLE = "the cache cannot be written"


def _decide(contest: Contest, watch: Watch) -> Choice:
    forced = _forced()
    if contest.name in _state.resumed:
        candidate = _state.resumed[contest.name]
        cause = f"cannot resume: the interrupted run computed {contest.name} by {candidate!r}"
        if forced.get(contest.name, candidate) != candidate:
            raise UsageError(f"{cause}, and {VARIABLE} sets {forced[contest.name]!r}")
        return _required(contest, candidate, "resumed", InputError, cause)
    if contest.name in forced:
        cause = f"{VARIABLE} sets {contest.name}={forced[contest.name]}"
        return _required(contest, forced[contest.name], "forced", UsageError, cause)
    if forced.get(FIXED) == FIXED:
        return Choice(contest.name, contest.fixed(), "fixed", f"by {VARIABLE}")
    path, key = _place(contest)
    remembered = _remembered(path, key).get(contest.name)
    known = _choice_of(contest, remembered)
    if known is not None:
        return known
    return _measured(contest, path, key, watch)


def _required(
    contest: Contest, candidate: str, source: Source, error: type[LlmcliError], cause: str
) -> Choice:
    works = [name for name in contest.candidates if contest.works(name)]
    if candidate not in works:
        raise error(f"{cause}, and this machine can do {', '.join(works)}")
    return Choice(contest.name, candidate, source)


def _forced() -> dict[str, str]:
    """The candidates that the variable names, by contest. Raises UsageError."""
    forced = {}
    for part in filter(None, map(str.strip, os.environ.get(VARIABLE, "").split(";"))):
        name, equals, candidate = (word.strip() for word in part.rpartition("="))
        if not equals and candidate != FIXED:
            raise UsageError(f"{VARIABLE} has {part!r}: write {FIXED} or CONTEST=CANDIDATE;...")
        forced[name or FIXED] = candidate
    return forced


def _measured(contest: Contest, path: Path, key: dict[str, Any], watch: Watch) -> Choice:
    """Measure a contest if that is allowed, and remember the result."""
    spent = _state.spent.get(contest.engine, 0.0)
    reason = UNASKED if not _state.allowed else NO_TIME if spent >= BUDGET else ""
    if reason:
        return Choice(contest.name, contest.fixed(), "fixed", reason)
    began = watch.clock()
    try:
        seconds = dict(contest.measure(watch))
    except Disturbed:
        return Choice(contest.name, contest.fixed(), "fixed", DISTURBED)
    finally:
        _state.spent[contest.engine] = spent + watch.clock() - began
    if not seconds:
        return Choice(contest.name, contest.fixed(), "fixed", "no candidate could be measured")
    made = Choice(contest.name, winner(contest, seconds), "measured", seconds=seconds)
    if not _remember(path, key, made):
        return Choice(contest.name, contest.fixed(), "fixed", UNWRITABLE)
    return made


def winner(contest: Contest, seconds: Mapping[str, float]) -> str:
    """The fastest candidate; the default where no other is clearly faster."""
    best = min(seconds, key=lambda name: seconds[name])
    default = contest.fixed()
    if default in seconds and seconds[best] > GAIN * seconds[default]:
        return default
    return best


def _place(contest: Contest) -> tuple[Path, dict[str, Any]]:
    """The file with the results of this machine, and what they depend on."""
    about = describe()
    key = {
        "llmcli": __version__,
        "processor": about.cpu,
        "instructions": list(about.instructions),
        "threads": usable_threads(),
        "libraries": {name: _version(name) for name in contest.libraries},
    }
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:40]
    return cache_root() / FOLDER / f"{name}.json", key


def _version(library: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _remembered(path: Path, key: dict[str, Any]) -> dict[str, Any]:
    """What was measured on this machine, by contest; empty where nothing can be trusted."""
    with suppress(LlmcliError):
        content = Metadata(path).json()
        contests = content.get("contests")
        if content.get("machine") == key and isinstance(contests, dict):
            return contests
    return {}


def _choice_of(contest: Contest, remembered: Any) -> Choice | None:
    """A remembered choice; None if it is of another contest, or no choice."""
    if not isinstance(remembered, dict) or remembered.get("candidate") not in contest.candidates:
        return None
    if not contest.works(remembered["candidate"]):
        return None
    seconds = remembered.get("seconds")
    if not isinstance(seconds, dict) or not set(seconds) <= set(contest.candidates):
        return None
    if not all(isinstance(value, float) for value in seconds.values()):
        return None
    return Choice(contest.name, remembered["candidate"], "remembered", seconds=seconds)


def _remember(path: Path, key: dict[str, Any], made: Choice) -> bool:
    """Add a result to the file of this machine. False: the cache cannot be written."""
    contests = _remembered(path, key)
    contests[made.contest] = {"candidate": made.candidate, "seconds": dict(made.seconds)}
    content = json.dumps({"machine": key, "contests": contests}, indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with own_files.replacing(path) as file:
            file.write(content.encode())
    except OSError:
        return False
    return True
