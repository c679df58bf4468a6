"""The batch machine: rows in, results out in the same order, in memory that does not grow.

Rows are taken a window at a time. The units of a window (a text, or its parts) are sorted by
size, so that little is padded, and packed into batches. Windows are cut by the rows alone: a
run that is taken up again makes the same batches as an unbroken one, and so the same numbers.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from llmcli.data.rows import Failure, Row
from llmcli.errors import InputError, LlmcliError, is_out_of_memory
from llmcli.spec import BatchOptions, Overflow
from llmcli.system.memory import Heap

WINDOW_BATCHES = 16  # where the user sets their size
WINDOW_CHARS = 1 << 20  # of all columns: a window ends with the row that passes it


class Unit(Protocol):
    """One input of a model."""

    @property
    def size(self) -> int:
        """Tokens that it takes in a batch, before padding."""


class AnyJob(Protocol):
    """A row made ready: its units, and whatever the task needs to put them together again."""

    @property
    def row(self) -> Row: ...

    @property
    def units(self) -> Sequence[Any]: ...


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """A row made ready, where its units are all that is needed."""

    row: Row
    units: list[T]
    overflow: Overflow | None = None
    """How a text that was too long was handled; None where it fits."""


J = TypeVar("J", bound=AnyJob)
U_contra = TypeVar("U_contra", bound=Unit, contravariant=True)
O = TypeVar("O")  # noqa: E741
R_co = TypeVar("R_co", covariant=True)


class Work(Protocol[J, U_contra, O, R_co]):
    """What a task does with rows; the machine does the rest."""

    window_rows: int
    """Rows that are sorted together; results come when a window is done."""
    budget: int
    """Tokens in one batch, padding included, unless the user sets the number of texts."""
    needs_text: bool
    """A row without text fails."""
    copies: int
    """How many times each text is held, in tokens: a window has the fewer rows."""

    def prepare(self, rows: Sequence[Row]) -> Sequence[J | Failure]:
        """Tokenize rows, together: a job or a failure for each."""

    def run(self, units: Sequence[U_contra]) -> Sequence[O]:
        """Run the model once over a batch: an output for each unit."""

    def finish(self, job: J, outputs: Sequence[O]) -> Iterable[R_co]:
        """Put the outputs of a job's units together. May raise LlmcliError: the row fails."""


def process(
    work: Work[J, U_contra, O, R_co], rows: Iterable[Row], spec: BatchOptions
) -> Iterator[R_co | Failure]:
    """Yield the results of each row in order; a row that fails comes as a Failure.

    A batch that does not fit into memory is halved and run again, and later batches are made
    smaller. A batch in which the model fails is halved until the row is found that is to blame.
    """
    size = _BatchSize(spec.batch_size, work.budget)
    most = _window_rows(work.window_rows, spec.batch_size)
    windows = _windows(rows, most, WINDOW_CHARS // work.copies)
    ready = (list(_prepared(work, one)) for one in windows if one[-1].number > spec.after)
    for prepared in ahead(ready):
        yield from _results(work, prepared, size, spec.after)


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield items, each made in a thread while the one before is used.

    So a model does not wait for texts to be read and tokenized. Nobody waits for the thread: it
    may itself wait for a line that no one will type.
    """
    wanted: SimpleQueue[Future[T] | None] = SimpleQueue()

    def make() -> None:
        while (one := wanted.get()) is not None:
            try:
                one.set_result(next(items))
            except BaseException as error:  # the caller's, as is the end
                one.set_exception(error)

    def ask() -> Future[T]:
        one: Future[T] = Future()
        wanted.put(one)
        return one

    threading.Thread(target=make, daemon=True).start()
    try:
        coming = ask()
        while True:
            try:
                item = coming.result()
            except StopIteration:
                return
            coming = ask()
            yield item
    finally:
        wanted.put(None)


def _window_rows(most: int, batch_size: int | None) -> int:
    """Small batches need no large window; with one text a batch, results come one by one."""
    if batch_size is None:
        return most
    return 1 if batch_size == 1 else min(most, WINDOW_BATCHES * batch_size)


def _windows(rows: Iterable[Row], most: int, most_chars: int) -> Iterator[list[Row]]:
    window: list[Row] = []
    characters = 0
    for row in rows:
        window.append(row)
        characters += max(row.characters, len(row.text) + len(row.pair or ""))
        if len(window) == most or characters > most_chars:
            yield window
            window, characters = [], 0
    if window:
        yield window


def _results(
    work: Work[J, U_contra, O, R_co], prepared: list[J | Failure], size: "_BatchSize", after: int
) -> Iterator[R_co | Failure]:
    units = [unit for one in prepared if not isinstance(one, Failure) for unit in one.units]
    found = _run_all(work, units, size)
    outputs = iter(found)
    for one in prepared:
        mine = [] if isinstance(one, Failure) else [next(outputs) for _ in one.units]
        if one.row.number <= after:
            continue
        if isinstance(one, Failure):
            yield one
        else:
            yield from _finished(work, one, mine)


def _prepared(work: Work[J, U_contra, O, R_co], window: list[Row]) -> Iterator[J | Failure]:
    errors = [row.error or (_blank(row) if work.needs_text else None) for row in window]
    usable = [row for row, error in zip(window, errors, strict=True) if error is None]
    jobs = iter(work.prepare(usable) if usable else ())
    for row, error in zip(window, errors, strict=True):
        yield next(jobs) if error is None else Failure(row, InputError(error))


def _blank(row: Row) -> str | None:
    """What is missing of a row's texts."""
    if not row.text.strip():
        return "the text is empty"
    if row.pair is not None and not row.pair.strip():
        return "the second text is empty"
    return None


def _finished(
    work: Work[J, U_contra, O, R_co], job: J, outputs: Sequence[O | LlmcliError]
) -> Iterator[R_co | Failure]:
    done: list[O] = []
    for one in outputs:
        if isinstance(one, LlmcliError):
            yield Failure(job.row, one)
            return
        done.append(one)
    try:
        yield from list(work.finish(job, done))
    except LlmcliError as error:
        yield Failure(job.row, error)


def _run_all(
    work: Work[J, U_contra, O, R_co], units: list[U_contra], size: "_BatchSize"
) -> list[O | LlmcliError]:
    """The outputs of units, in their order."""
    order = sorted(range(len(units)), key=lambda at: -units[at].size)
    outputs: dict[int, O | LlmcliError] = {}
    done = 0
    while done < len(order):
        batch = order[done : done + size.count_for(units[order[done]].size)]
        found = _run(work, [units[at] for at in batch], size)
        outputs.update(zip(batch, found, strict=True))
        done += len(batch)
        size.heap.release()
    return [outputs[at] for at in range(len(units))]


def _run(
    work: Work[J, U_contra, O, R_co], units: Sequence[U_contra], size: "_BatchSize"
) -> list[O | LlmcliError]:
    try:
        return list(work.run(units))
    except LlmcliError as error:
        if len(units) == 1:
            return [error]
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if len(units) == 1:
            return [InputError(f"out of memory, even alone: {units[0].size:,} tokens")]
        size.shrink(len(units), max(unit.size for unit in units))
    half = len(units) // 2
    return [*_run(work, units[:half], size), *_run(work, units[half:], size)]


@dataclass
class _BatchSize:
    """How many units make a batch."""

    count: int | None
    budget: int
    heap: Heap = field(default_factory=Heap)

    def count_for(self, longest: int) -> int:
        """How many units fit, the longest of them being so long."""
        if self.count is not None:
            return self.count
        return max(1, self.budget // max(1, longest))

    def shrink(self, count: int, longest: int) -> None:
        """Half of what did not fit into memory is the most from now on."""
        if self.count is not None:
            self.count = max(1, min(self.count, count // 2))
        self.budget = max(1, min(self.budget, count * longest // 2))
