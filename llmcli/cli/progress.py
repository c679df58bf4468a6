"""Counts the rows of a run, and shows on a terminal how far it is: one line, none in a pipe."""

import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import chain, islice
from typing import Any

from llmcli.cli.output import Output
from llmcli.data.done import Done
from llmcli.data.rows import Failure

PAUSE = 0.2  # seconds between two updates of the line
FIRST_ESTIMATE = 2.0  # seconds before which no time left is shown
FEW_ROWS, FEW_SHARE = 10, 0.05  # with less of both done, an estimate means nothing


class Progress:
    """Counts results as they come, and shows rows, rows per second and the time left."""

    def __init__(
        self, out: Output | None, *, limit: int | None = None, done: Done | None = None
    ) -> None:
        """out: where progress is shown; None: nowhere. limit: of the rows that are read.

        done: the rows of an earlier run.
        """
        self._out = out if out is not None and out.is_live else None
        self._limit = limit
        self.done = done or Done()
        """How many rows were done, this run's and the earlier one's."""
        self.capped = 0
        """Texts of this run that got fewer new tokens than were asked for."""
        self.unknown = 0.0
        """The largest share of a text that the model cannot read."""
        self._before = self.done.total
        self._ahead = 0.0  # rows of the running window that are done
        self._last_row: int | None = None
        self._began = time.monotonic()
        self._next = self._began + PAUSE
        self._first_fraction: float | None = None

    def count(self, results: Iterable[Any]) -> Iterator[Any]:
        """Pass results on, count their rows and update the line, which disappears at the end."""
        waiting = self._out.waiting("working") if self._out is not None else nullcontext()
        iterator = iter(results)
        try:
            with waiting:
                first = list(islice(iterator, 1))
            for result in chain(first, iterator):
                self._count(result)
                self._update(result.row.fraction_read)
                yield result
        finally:
            if self._out is not None:
                self._out.clear_status()

    def advance(self, done: float, rows: int, fraction_read: float | None) -> None:
        """Show how far the running window is, whose results come together at its end.

        done: rows of the window, of `rows`. fraction_read: how much of the file was read with it.
        """
        self._ahead = done
        whole = self.done.total + rows
        read = (self.done.total + done) / whole if whole else 0.0
        self._update(None if fraction_read is None else fraction_read * read)

    def make_way(self) -> None:
        """Remove the line where results are printed to the same terminal."""
        if self._out is not None and self._out.path is None:
            self._out.clear_status()

    def _count(self, result: Any) -> None:
        if result.row.number == self._last_row:  # another result of the same row
            return
        self._last_row = result.row.number
        self.done.total += 1
        self._ahead = max(0.0, self._ahead - 1)
        if isinstance(result, Failure):
            self.done.fail(result.row.number, result.error)
        self.done.overflowed += getattr(result, "overflow", None) is not None
        self.capped += getattr(result, "capped", None) is not None
        unknown = getattr(result, "unknown", None)
        self.done.unknown += unknown is not None
        self.unknown = max(self.unknown, unknown or 0.0)

    def _update(self, fraction_read: float | None) -> None:
        now = time.monotonic()
        if self._out is not None and now >= self._next:
            self._next = now + PAUSE
            self._out.status(self.line(fraction_read, now - self._began), stays=False)

    def line(self, fraction_read: float | None, seconds: float) -> str:
        """The line after a time. fraction_read: how much of the file was read, from 0 to 1.

        >>> Progress(None).line(None, 2.0)
        '0 rows  0.0 rows/s'
        """
        rows = self.done.total + self._ahead
        rate = (rows - self._before) / seconds if seconds else 0.0
        parts = [f"{int(rows):,} row{'s' * (int(rows) != 1)}", f"{rate:,.1f} rows/s"]
        if self._limit == 1:  # a single text: only its share says something
            parts = []
        fraction = self._fraction(fraction_read)
        if fraction is not None:
            parts.append(f"{fraction:.0%}")
            left = self._seconds_left(fraction, seconds)
            if left is not None:
                parts.append(f"{clock(left)} left")
        return "  ".join(parts)

    def _fraction(self, fraction_read: float | None) -> float | None:
        """How much of the run is done: by the rows if --limit is given, by the file if known."""
        by_count = (self.done.total + self._ahead) / self._limit if self._limit else None
        known = [fraction for fraction in (fraction_read, by_count) if fraction is not None]
        return min(1.0, max(known)) if known else None

    def _seconds_left(self, fraction: float, seconds: float) -> float | None:
        """The time that is left if the rest goes as fast as what this run did; None: too early."""
        if self._first_fraction is None:
            self._first_fraction = fraction * self._before / max(1, self.done.total)
        own = fraction - self._first_fraction
        rows = self.done.total + self._ahead - self._before
        if own <= 0 or seconds < FIRST_ESTIMATE or (rows < FEW_ROWS and own < FEW_SHARE):
            return None
        return seconds * (1 - fraction) / own


def clock(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> clock(3725)
    '1:02:05'
    """
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"
