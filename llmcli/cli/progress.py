"""Counts the rows of a run, and shows on a terminal how far it is: one line, none in a pipe."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from llmcli.cli.output import Output
from llmcli.data.resumable_output import Done
from llmcli.data.rows import Failure

PAUSE = 0.2  # seconds between two updates of the line


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
        self._last_row: int | None = None
        self._began = time.monotonic()
        self._next = self._began + PAUSE
        self._first_fraction: float | None = None

    def count(self, results: Iterable[Any]) -> Iterator[Any]:
        """Pass results on, count their rows and update the line, which disappears at the end."""
        try:
            for result in results:
                self._count(result)
                if self._out is not None:
                    self._update(self._out, result.row.fraction_read)
                yield result
        finally:
            if self._out is not None:
                self._out.clear_status()

    def _count(self, result: Any) -> None:
        if result.row.number == self._last_row:  # another result of the same row
            return
        self._last_row = result.row.number
        self.done.total += 1
        if isinstance(result, Failure):
            self.done.fail(result.row.number, result.error)
        self.done.overflowed += getattr(result, "overflow", None) is not None
        self.capped += getattr(result, "capped", None) is not None
        unknown = getattr(result, "unknown", None)
        self.done.unknown += unknown is not None
        self.unknown = max(self.unknown, unknown or 0.0)

    def _update(self, out: Output, fraction_read: float | None) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PAUSE
            out.status(self.line(fraction_read, now - self._began), stays=False)

    def line(self, fraction_read: float | None, seconds: float) -> str:
        """The line after a time. fraction_read: how much of the file was read, from 0 to 1.

        >>> Progress(None).line(None, 2.0)
        '0 rows  0.0 rows/s'
        """
        rate = (self.done.total - self._before) / seconds if seconds else 0.0
        parts = [f"{self.done.total:,} rows", f"{rate:,.1f} rows/s"]
        fraction = self._fraction(fraction_read)
        if fraction is not None:
            parts.append(f"{fraction:.0%}")
            parts.append(f"{clock(self._seconds_left(fraction, seconds))} left")
        return "  ".join(parts)

    def _fraction(self, fraction_read: float | None) -> float | None:
        """How much of the run is done: by the rows if --limit is given, by the file if known."""
        by_count = self.done.total / self._limit if self._limit else None
        known = [fraction for fraction in (fraction_read, by_count) if fraction is not None]
        return min(1.0, max(known)) if known else None

    def _seconds_left(self, fraction: float, seconds: float) -> float:
        """The time that is left if the rest goes as fast as what this run did."""
        if self._first_fraction is None:
            self._first_fraction = fraction * self._before / max(1, self.done.total)
        own = fraction - self._first_fraction
        return seconds * (1 - fraction) / own if own > 0 else 0.0


def clock(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> clock(3725)
    '1:02:05'
    """
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"
