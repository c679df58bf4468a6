"""Ctrl-C, SIGTERM and SIGHUP end this program within a second, whatever it is doing.

A signal raises KeyboardInterrupt in the main thread, so that files are closed and temporary ones
removed on the way out. Native code may hold the main thread for minutes: a batch in CTranslate2, a
long prompt in torch. So a thread of its own waits for signals as well. Where the main thread has
not ended the process after `GRACE` seconds, this thread prints the last words and ends it.

Nothing is taken from a program that imports llmcli: only `take_over`, called by the command line,
installs handlers.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from llmcli.system.terminal import escaped

GRACE = 0.6  # seconds
TOGETHER = 0.3  # seconds within which two signals are one: some programs send each twice
ENOUGH = 16  # open files
NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
NUMBERS = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]

_received: int | None = None
"""The signal that ends the process."""
_last_words: list[Callable[[], str]] = []
_askers: "list[_Asker]" = []


def received() -> int | None:
    """The number of the signal that ends this process; None if there was none."""
    return _received


def leave_at_once() -> None:
    """End the process at a signal, without any word: there is nothing to save (yet, or any more).

    One that the parent process ignores, as nohup does with SIGHUP, stays ignored.
    """
    for number in NUMBERS:
        with suppress(ValueError):  # not the main thread
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, frame: os._exit(128 + number))


def take_over() -> None:
    """Let signals raise KeyboardInterrupt, and a thread end the process if that takes too long."""
    for number in NUMBERS:
        with suppress(ValueError):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _on_signal)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_leave_to_parent)
    with suppress(OSError, ValueError, RuntimeError):  # no descriptor or thread is left
        if open_files() < ENOUGH:
            return  # the work needs them
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=_watch, args=(reader,), name="signals", daemon=True).start()


def open_files() -> int:
    """How many files this process may open."""
    try:
        import resource
    except ImportError:  # Windows
        return ENOUGH
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return ENOUGH if limit == resource.RLIM_INFINITY else limit


@contextmanager
def last_words(words: Callable[[], str]) -> Iterator[None]:
    """Within the context, a process that must end at once prints what `words` returns."""
    _last_words.append(words)
    try:
        yield
    finally:
        _last_words.remove(words)


@contextmanager
def asking(
    ask: Callable[[int], None], is_wanted: Callable[[], bool], numbers: Sequence[int] = NUMBERS
) -> Iterator[None]:
    """Within the context, a signal only calls `ask` with its number, while `is_wanted` says so.

    numbers: of those signals alone. It works without `take_over` as well.
    """
    asker = _Asker(ask, is_wanted, numbers)
    before = {number: signal.getsignal(number) for number in NUMBERS}
    _askers.append(asker)
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    try:
        yield
    finally:
        _askers.remove(asker)
        for number, handler in before.items():
            signal.signal(number, handler)


class _Asker:
    """Takes signals that do not end the process. Both threads hear of each signal."""

    def __init__(
        self, ask: Callable[[int], None], is_wanted: Callable[[], bool], numbers: Sequence[int]
    ) -> None:
        self.ask = ask
        self._is_wanted, self._numbers = is_wanted, numbers
        self._last = -TOGETHER

    def takes(self, number: int) -> bool:
        """True for a signal that is wanted, and for what comes at the same time."""
        if number not in self._numbers:
            return False
        now = time.monotonic()
        if self._is_wanted():
            self._last = now
        return now - self._last < TOGETHER


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _received
    if _askers and _askers[-1].takes(number):
        _askers[-1].ask(number)
    elif _received is None:
        _received = number
        raise KeyboardInterrupt


def _watch(reader: int) -> None:
    """Wait for a signal that ends the process, and end it if the main thread does not."""
    while True:
        for number in os.read(reader, 64):
            if number not in NUMBERS or any(asker.takes(number) for asker in _askers[-1:]):
                continue
            time.sleep(GRACE)
            _end(_received or number)


def _end(number: int) -> NoReturn:
    lines = [line for words in reversed(_last_words) if (line := words())]
    with suppress(OSError):
        text = "".join(f"{line}\n" for line in lines[:1])
        os.write(2, (escaped(text) if os.isatty(2) else text).encode(errors="backslashreplace"))
    os._exit(128 + number)


def _leave_to_parent() -> None:
    """In a fork: its parent decides, and no signal of the fork reaches the parent's thread."""
    signal.set_wakeup_fd(-1)
    for number in NUMBERS:
        if signal.getsignal(number) is _on_signal:
            signal.signal(number, signal.SIG_DFL)


def show_no_interrupts(unraisable: Any) -> None:
    """A hook for errors that Python cannot raise: one of a signal is no news."""
    if _received is None:
        sys.__unraisablehook__(unraisable)
