"""How much a chat template may compute: time, the size of a value, and all values together.

A template is a stranger's program. It is interrupted where it asks: the sandbox calls `tick` in
every loop and before every operation that takes longer for larger values, and since no value may
exceed a size, none of these operations takes long. So a template that never ends is stopped without
a process, a signal or a thread of its own.
"""

import threading
import time
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from contextlib import contextmanager
from typing import Any

SECONDS, SECONDS_EACH = 1.0, 1e-6
"""Of the processor: in all, and for each unit of what the template is given."""
COMPILE_SECONDS = 3.0
VALUE, VALUE_EACH = 4_000_000, 64
"""Size of the largest value, and of all that is written."""
TOTAL, TOTAL_EACH = 64_000_000, 1024
"""Size of all values together."""
ITEM = 16  # of a list; a character counts 1
ENTRY = 64  # of a dictionary
CONTAINER = 64
OPAQUE = 4096  # of an object whose text may be long
SMALL = 1000
"""Texts up to this size are not counted one by one: lists of many of them are."""
BITS = 65_536  # of an integer


class TemplateLimit(Exception):
    """A template takes more time or space than it may; the message says which."""


class TemplateOverrun(TemplateLimit):
    """A template takes more time than it may."""


class Budget:
    """What a template has left while it is compiled, or while it renders one conversation."""

    def __init__(self, given: Any, seconds: float) -> None:
        """given: what the template reads: if it is long, the template gets more of everything."""
        self._given = given
        self._was_measured = False
        self._known: dict[int, tuple[Any, int]] = {}  # the value too, so that its id stays its own
        self._known_size = 0
        self.most = self._to_write = VALUE
        self._left = TOTAL
        self._seconds = seconds
        self._began = time.thread_time()
        self._deadline = time.monotonic() + seconds

    def _extended(self) -> bool:
        """Add what a long input allows, which is measured where it matters; False if it was."""
        if self._was_measured:
            return False
        self._was_measured = True
        self.most = 1 << 60
        size = self.weight(self._given)
        self.most = VALUE + VALUE_EACH * size
        self._to_write += VALUE_EACH * size
        self._left += TOTAL_EACH * size
        self._seconds += SECONDS_EACH * size
        return True

    def tick(self) -> None:
        """Raise TemplateOverrun if the time is up: that of the processor, for this thread."""
        if time.monotonic() > self._deadline:
            self._deadline = float("inf")
            self._extended()
            left = self._seconds - (time.thread_time() - self._began)
            if left <= 0:
                raise TemplateOverrun(f"it takes more than {self._seconds:.0f} s")
            self._deadline = time.monotonic() + left

    def write(self, length: int) -> None:
        """Count characters that are written. Raises TemplateLimit."""
        self._to_write -= length
        if self._to_write < 0 and not (self._extended() and self._to_write >= 0):
            raise TemplateLimit(f"it writes more than {self.most:,} characters")

    def check(self, size: float) -> None:
        """Raise TemplateLimit if a value would be too large."""
        if size > self.most and not (self._extended() and size <= self.most):
            raise TemplateLimit(f"a value would be larger than {self.most:,} characters")

    def made(self, value: Any) -> Any:
        """Return a value that the template made. Raises TemplateLimit if it is too large."""
        if type(value) is str:
            size = len(value)
            if size <= SMALL:
                return value
        elif value is None or isinstance(value, (bool, float)):
            return value
        elif isinstance(value, int):
            return check_integer(value)
        else:
            size = self.weight(value)
            if isinstance(value, (list, tuple, dict)):
                size = CONTAINER + len(value) * (ENTRY if isinstance(value, dict) else ITEM)
        self.check(size)
        self._left -= size
        if self._left < 0 and not (self._extended() and self._left >= 0):
            raise TemplateLimit("it makes too many values")
        return value

    def weight(self, value: Any) -> int:
        """The size of a value with all that it holds. Raises TemplateLimit, RecursionError."""
        if isinstance(value, str):
            return ITEM + len(value)
        if value is None or isinstance(value, float):
            return ITEM
        if isinstance(value, int):
            return ITEM + value.bit_length() // 4
        if isinstance(value, (KeysView, ValuesView, ItemsView)):
            value = getattr(value, "mapping", None)
        if not isinstance(value, (list, tuple, dict)):
            return OPAQUE
        known = self._known.get(id(value))
        return known[1] if known is not None else self._weighed(value)

    def _weighed(self, value: Any) -> int:
        self.tick()
        total = CONTAINER
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        for part in parts:
            total += self.weight(part)
            if total > self.most:
                self.check(total)
        self._known_size += len(parts)
        if self._known_size > self.most // ITEM:
            self._known.clear()
            self._known_size = 0
        self._known[id(value)] = (value, total)
        return total


def check_integer(value: int) -> int:
    """Return an integer. Raises TemplateLimit for one of more than 65,536 bits."""
    if value.bit_length() > BITS:
        raise TemplateLimit(f"a number would have more than {BITS:,} bits")
    return value


running = threading.local()
"""Its `budget` is that of the template which this thread compiles or renders."""


def current() -> Budget:
    """The budget of this thread."""
    budget: Budget = running.budget
    return budget


@contextmanager
def limited(given: Any, seconds: float) -> Iterator[Budget]:
    """Give this thread a budget. given: what the template reads."""
    before = getattr(running, "budget", None)
    running.budget = budget = Budget(given, seconds)
    try:
        yield budget
    finally:
        running.budget = before
