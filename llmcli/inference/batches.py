"""Run a task over rows in batches: results in the order of the rows, in constant memory.

Rows are processed in windows. The units of a window (whole texts, or parts of them) are sorted
by length, which keeps padding low, and grouped into batches. The limits of a window depend on the
rows alone: a resumed run makes the same batches as an uninterrupted one, and so the same numbers.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from llmcli.data.rows import Failure, Row
from llmcli.errors import InputError, LlmcliError, OutOfMemory
from llmcli.spec import BatchOptions, BatchStore, Overflow
from llmcli.system.memory import Heap
from llmcli.system.resource_errors import is_out_of_memory

WINDOW_BATCHES = 16  # batches in a window if the user sets the batch size
WINDOW_CHARS = 1 << 20  # in all columns: a window ends with the row that exceeds it


class Unit(Protocol):
    """One input of a model."""

    @property
    def size(self) -> int:
        """Number of tokens, without padding."""


class AnyJob(Protocol):
    """A prepared row: its units, and what the task needs to combine their outputs."""

    @property
    def row(self) -> Row: ...

    @property
    def units(self) -> Sequence[Any]: ...


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """A prepared row of a task that needs only its units."""

    row: Row
    units: list[T]
    overflow: Overflow | None = None
    """How a text that is too long was handled; None if it fits."""


J = TypeVar("J", bound=AnyJob)
U_contra = TypeVar("U_contra", bound=Unit, contravariant=True)
O = TypeVar("O")  # noqa: E741
R_co = TypeVar("R_co", covariant=True)


class Work(Protocol[J, U_contra, O, R_co]):
    """The steps of a task that `process` calls."""

    window_rows: int
    """Rows in a window: they are sorted together, and their results come together."""
    budget: int
    """Tokens in a batch, padding included; unused if the user sets the batch size."""
    needs_text: bool
    """Whether a row without text fails."""
    copies: int
    """How many times each text is tokenized: a window holds that many times fewer characters."""

    def prepare(self, rows: Sequence[Row]) -> Sequence[J | Failure]:
        """Tokenize rows together. Returns a job or a failure for each."""

    def run(self, units: Sequence[U_contra]) -> Sequence[O]:
        """Run the model once on a batch. Returns an output for each unit."""

    def finish(self, job: J, outputs: Sequence[O]) -> Iterable[R_co]:
        """Combine the outputs of a job's units. If it raises LlmcliError, the row fails."""


class Rechecks(Protocol):
    """The attribute `recheck` of a task that may compute some outputs again, more exactly."""

    def begin(self) -> None:
        """A window begins."""

    def watch(self, units: Sequence[Any], outputs: Sequence[Any]) -> None:
        """See what a batch gave, computed now or by an earlier run."""

    def settle(self, jobs: Sequence[Any], outputs: Sequence[list[Any]]) -> list[list[Any]]:
        """The outputs of each job, some of them computed again."""


def process(
    work: Work[J, U_contra, O, R_co], rows: Iterable[Row], spec: BatchOptions
) -> Iterator[R_co | Failure]:
    """Yield the results of each row, in the order of the rows; a Failure for a row that fails.

    A batch that does not fit in memory is split in half and run again, and later batches are
    smaller. A batch that raises LlmcliError is split in half until the failing row is isolated.
    """
    size = _BatchSize(spec.batch_size, work.budget * spec.scale)
    max_rows = _max_window_rows(work.window_rows * spec.scale, spec.batch_size)
    windows = _windows(rows, max_rows, WINDOW_CHARS // work.copies)
    unfinished = (window for window in windows if window[-1].number > spec.after)
    for prepared in prefetched(list(_prepared(work, window)) for window in unfinished):
        yield from _results(work, prepared, size, spec)


def prefetched(items: Iterator[T]) -> Iterator[T]:
    """Yield items; a background thread computes the next while the caller uses the current one.

    The model does not wait for texts to be read and tokenized. The thread is a daemon that is
    never joined: it may be blocked on standard input.
    """
    requests: SimpleQueue[Future[T] | None] = SimpleQueue()

    def serve() -> None:
        while (future := requests.get()) is not None:
            try:
                future.set_result(next(items))
            except BaseException as error:  # StopIteration too: the caller's thread raises it
                future.set_exception(error)

    def request() -> Future[T]:
        future: Future[T] = Future()
        requests.put(future)
        return future

    threading.Thread(target=serve, daemon=True).start()
    try:
        upcoming = request()
        while True:
            try:
                item = upcoming.result()
            except StopIteration:
                return
            upcoming = request()
            yield item
    finally:
        requests.put(None)


def _max_window_rows(task_rows: int, batch_size: int | None) -> int:
    """Rows in a window: few for small batches; one for a batch size of 1, to stream results."""
    if batch_size is None:
        return task_rows
    return 1 if batch_size == 1 else min(task_rows, WINDOW_BATCHES * batch_size)


def _windows(rows: Iterable[Row], max_rows: int, max_chars: int) -> Iterator[list[Row]]:
    """Group rows into windows of `max_rows`; a window ends early if it exceeds `max_chars`."""
    window: list[Row] = []
    characters = 0
    for row in rows:
        window.append(row)
        characters += max(row.characters, len(row.text) + len(row.pair or ""))
        if len(window) == max_rows or characters > max_chars:
            yield window
            window, characters = [], 0
    if window:
        yield window


def _results(
    work: Work[J, U_contra, O, R_co],
    prepared: list[J | Failure],
    size: "_BatchSize",
    spec: BatchOptions,
) -> Iterator[R_co | Failure]:
    """Run a prepared window, and yield the results of its rows that come after `spec.after`."""
    new = sum(job.row.number > spec.after for job in prepared)

    def report(share: float) -> None:
        if spec.on_progress is not None:
            spec.on_progress(share * new, new, prepared[-1].row.fraction_read)

    if spec.store is not None:
        spec.store.begin(prepared[0].row.number)
    jobs = [job for job in prepared if not isinstance(job, Failure)]
    remaining = iter(_Window(work, jobs, size, spec.store).outputs(report))
    outputs = [[next(remaining) for _ in job.units] for job in jobs]
    recheck: Rechecks | None = getattr(work, "recheck", None)
    settled = iter(outputs if recheck is None else recheck.settle(jobs, outputs))
    for job in prepared:
        job_outputs = [] if isinstance(job, Failure) else next(settled)
        if job.row.number <= spec.after:
            continue
        if isinstance(job, Failure):
            yield job
        else:
            yield from _finished(work, job, job_outputs)


def _prepared(work: Work[J, U_contra, O, R_co], window: list[Row]) -> Iterator[J | Failure]:
    """Yield a job or a failure for each row of a window."""
    errors = [row.error or (_missing_text(row) if work.needs_text else None) for row in window]
    usable = [row for row, error in zip(window, errors, strict=True) if error is None]
    jobs = iter(work.prepare(usable) if usable else ())
    for row, error in zip(window, errors, strict=True):
        yield next(jobs) if error is None else Failure(row, InputError(error))


def _missing_text(row: Row) -> str | None:
    """The error of a row with an empty text; None if its texts have content."""
    if not row.text.strip():
        return "the text is empty"
    if row.pair is not None and not row.pair.strip():
        return "the second text is empty"
    return None


def _finished(
    work: Work[J, U_contra, O, R_co], job: J, outputs: Sequence[O | LlmcliError]
) -> Iterator[R_co | Failure]:
    """Yield the results of a job; a Failure if the model or the task fails."""
    succeeded: list[O] = []
    for output in outputs:
        if isinstance(output, LlmcliError):
            yield Failure(job.row, output)
            return
        succeeded.append(output)
    try:
        yield from list(work.finish(job, succeeded))
    except LlmcliError as error:
        yield Failure(job.row, error)


class _Window(Generic[J, U_contra, O, R_co]):
    """The units of a window, which are run in batches, the longest first."""

    def __init__(
        self,
        work: Work[J, U_contra, O, R_co],
        jobs: list[J],
        size: "_BatchSize",
        store: BatchStore | None,
    ) -> None:
        self._work, self._size, self._store = work, size, store
        self._units: list[U_contra] = [unit for job in jobs for unit in job.units]
        self._rows = [job.row for job in jobs for _ in job.units]
        units = self._units
        self._order = sorted(range(len(units)), key=lambda index: -units[index].size)

    def outputs(self, report: Callable[[float], None]) -> list[O | LlmcliError]:
        """An output or an error for each unit.

        report: is told after each batch which share of the tokens is done.
        """
        units, order = self._units, self._order
        outputs: dict[int, O | LlmcliError] = {}
        tokens = 0
        whole = sum(unit.size for unit in units) or 1
        recheck: Rechecks | None = getattr(self._work, "recheck", None)
        if recheck is not None:
            recheck.begin()
        while len(outputs) < len(order):
            batch = self._kept(len(outputs)) or self._run(len(outputs))
            outputs.update(batch)
            if recheck is not None:
                recheck.watch([units[index] for index in batch], list(batch.values()))
            tokens += sum(units[index].size for index in batch)
            report(tokens / whole)
            self._size.heap.release()
        return [outputs[index] for index in range(len(units))]

    def _kept(self, start: int) -> dict[int, O | LlmcliError]:
        """The outputs of a batch that an earlier run has kept; none if it has not."""
        batch = self._store.take(start) if self._store is not None else None
        if batch is None or list(batch.units) != self._order[start : start + len(batch.units)]:
            return {}
        self._size.count, self._size.budget = batch.limits
        outputs = batch.outputs([self._rows[index] for index in batch.units])
        return dict(zip(batch.units, outputs, strict=True))

    def _run(self, start: int) -> dict[int, O | LlmcliError]:
        """Run the next batch."""
        longest = self._units[self._order[start]].size
        batch = self._order[start : start + self._size.count_for(longest)]
        outputs = _run(self._work, [self._units[index] for index in batch], self._size)
        if self._store is not None and not any(isinstance(each, LlmcliError) for each in outputs):
            self._store.add(start, batch, (self._size.count, self._size.budget), outputs)
        return dict(zip(batch, outputs, strict=True))


def _run(
    work: Work[J, U_contra, O, R_co], units: Sequence[U_contra], size: "_BatchSize"
) -> list[O | LlmcliError]:
    """Run one batch, split in half as often as its failures need."""
    try:
        return list(work.run(units))
    except LlmcliError as error:
        if len(units) == 1:
            return [error]
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if len(units) == 1:
            return [OutOfMemory(f"out of memory, even alone: {units[0].size:,} tokens")]
        size.shrink(len(units), max(unit.size for unit in units))
    half = len(units) // 2
    return [*_run(work, units[:half], size), *_run(work, units[half:], size)]


@dataclass
class _BatchSize:
    """The number of units in a batch."""

    count: int | None
    """Set by the user; None: as many as the budget allows."""
    budget: int
    """Tokens in a batch, padding included."""
    heap: Heap = field(default_factory=Heap)

    def count_for(self, longest: int) -> int:
        """Units in a batch whose longest unit has `longest` tokens."""
        if self.count is not None:
            return self.count
        return max(1, self.budget // max(1, longest))

    def shrink(self, count: int, longest: int) -> None:
        """Limit later batches to half of a batch that did not fit in memory."""
        if self.count is not None:
            self.count = max(1, min(self.count, count // 2))
        self.budget = max(1, min(self.budget, count * longest // 2))
