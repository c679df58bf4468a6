"""The outputs of the batches of a window that is not finished, for a run that resumes this one.

Results are written window by window. A window may take minutes, so what its finished batches gave
is kept beside the output, in a file that is emptied as soon as the window's rows are written.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from llmcli.data.rows import Row
from llmcli.system import own_files

EVERY = 1.0  # seconds between two writes: a batch that is faster waits for others
SYNCED = 5.0  # seconds between two times that the disk is told to keep what was written


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A finished batch."""

    units: tuple[int, ...]
    """The places of its units in the window."""
    limits: tuple[int | None, int]
    """What later batches of the run were limited to: the number of units, and of tokens."""
    stored: Any
    """Its outputs."""

    def outputs(self, rows: Sequence[Row]) -> list[Any]:
        """The outputs, one for each unit. rows: the row of each unit."""
        from llmcli.data.stored_values import from_stored

        return from_stored(self.stored, rows)


@dataclass
class BatchFile:
    """The file of one run. It exists only while it holds something."""

    path: Path
    key: str
    """What the run is: a batch of another one is not taken."""
    before_window: Callable[[], None]
    """Is called when a window begins, and the rows of the one before it have been written."""
    _file: IO[bytes] | None = None
    _window: int = 0
    _batches: dict[tuple[int, int], StoredBatch] = field(default_factory=dict)
    """By the first row of the window, and the place of the first unit in the order of lengths."""
    _waiting: list[tuple[int, tuple[int, ...], tuple[int | None, int], Sequence[Any]]] = field(
        default_factory=list
    )
    _written: float = field(default_factory=time.monotonic)
    _synced: float = field(default_factory=time.monotonic)

    @property
    def is_empty(self) -> bool:
        """True if no batch is kept."""
        return not self._batches and (self._file is None or not self._file.tell())

    def read(self) -> None:
        """Take the batches that an earlier run has kept; none of those after a damaged line."""
        try:
            self._file = own_files.reopen(self.path)
        except FileNotFoundError:
            return
        end = 0
        for line in self._file:
            digest, _, text = line.decode("utf-8", "replace").rstrip("\n").partition(" ")
            if not line.endswith(b"\n") or digest != self._digest(text):
                break
            window, start, units, limits, stored = json.loads(text)
            self._batches[window, start] = StoredBatch(tuple(units), tuple(limits), stored)
            end += len(line)
        self._file.seek(end)
        self._file.truncate()

    def begin(self, window: int) -> None:
        """Begin a window, which is known by its first row: nothing is needed of earlier ones."""
        self.before_window()
        self._window = window
        self._waiting.clear()
        self._batches = {at: batch for at, batch in self._batches.items() if at[0] == window}
        if not self._batches and self._file is not None and self._file.tell():
            self._file.seek(0)
            self._file.truncate()

    def take(self, start: int) -> StoredBatch | None:
        """The batch of this window that begins at a place in the order of lengths."""
        return self._batches.get((self._window, start))

    def add(
        self,
        start: int,
        units: Sequence[int],
        limits: tuple[int | None, int],
        outputs: Sequence[Any],
    ) -> None:
        """Keep a finished batch. Raises OSError."""
        self._waiting.append((start, tuple(units), limits, outputs))
        if time.monotonic() - self._written >= EVERY:
            self.save()

    def save(self) -> None:
        """Write the batches that wait for it. Raises OSError."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        from llmcli.data.stored_values import to_stored

        if self._file is None:
            self._file = own_files.create(self.path, 0o600)
        for start, units, limits, outputs in waiting:
            text = json.dumps([self._window, start, units, limits, to_stored(outputs)])
            self._file.write(f"{self._digest(text)} {text}\n".encode())
        self._file.flush()
        self._written = time.monotonic()
        if self._written - self._synced >= SYNCED:
            os.fsync(self._file.fileno())
            self._synced = self._written

    def close(self, *, keep: bool) -> None:
        """Close the file, and remove it unless it is kept."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
        if not keep:
            own_files.remove(self.path)

    def _digest(self, text: str) -> str:
        return hashlib.blake2b(f"{self.key} {text}".encode(), digest_size=16).hexdigest()
