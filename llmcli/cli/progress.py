"""How far a long run is: one line on a terminal, nothing in a pipe."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

PAUSE = 0.2  # seconds between two looks of the line
CLEAR = "\r\x1b[K"


class Progress:
    """Counts results as they come, and shows rows, rows a second and the time left."""

    def __init__(self, *, quiet: bool, limit: int | None, before: int = 0) -> None:
        """limit: rows that will be read at most. before: rows that an earlier run did."""
        shown = sys.stderr is not None and sys.stderr.isatty()
        self._on = shown and not quiet
        self._limit = limit
        self._before = before
        self._rows = 0
        self._last_row: int | None = None
        self._began = time.monotonic()
        self._next = self._began + PAUSE
        self._first_place: float | None = None

    def count(self, results: Iterable[Any]) -> Iterator[Any]:
        """Pass results on and draw the line, which is gone when they end."""
        if not self._on:
            yield from results
            return
        try:
            for result in results:
                self._take(result)
                yield result
        finally:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()

    def _take(self, result: Any) -> None:
        if result.row.number != self._last_row:
            self._last_row = result.row.number
            self._rows += 1
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PAUSE
            sys.stderr.write(CLEAR + self.line(result.row.fraction_read, now - self._began))
            sys.stderr.flush()

    def line(self, place: float | None, seconds: float) -> str:
        """What is shown after a time; place: how much of the file was read, from 0 to 1.

        >>> Progress(quiet=True, limit=None).line(None, 2.0)
        '0 rows  0.0 rows/s'
        """
        done = self._before + self._rows
        rate = self._rows / seconds if seconds else 0.0
        parts = [f"{done:,} rows", f"{rate:,.1f} rows/s"]
        share = self._share(place)
        if share is not None:
            parts.append(f"{share:.0%}")
            parts.append(f"{_clock(self._left(share, seconds))} left")
        return "  ".join(parts)

    def _share(self, place: float | None) -> float | None:
        by_count = (self._before + self._rows) / self._limit if self._limit else None
        known = [share for share in (place, by_count) if share is not None]
        return min(1.0, max(known)) if known else None

    def _left(self, share: float, seconds: float) -> float:
        """Seconds left, if the rest goes as fast as what this run did."""
        if self._first_place is None:
            self._first_place = share * self._before / max(1, self._before + self._rows)
        mine = share - self._first_place
        return seconds * (1 - share) / mine if mine > 0 else 0.0


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> _clock(3725)
    '1:02:05'
    """
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"
