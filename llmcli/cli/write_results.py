"""Writing the results of a run: records to a file or a pipe, or text for a person."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from llmcli.cli.error_limit import ErrorLimit
from llmcli.cli.flags import with_flags
from llmcli.cli.output import Output
from llmcli.cli.progress import Progress
from llmcli.cli.records import Records
from llmcli.data.records import ERROR, Record, Render, text_of
from llmcli.data.results import (
    OVERFLOW_WORDS,
    capped_note,
    unknown_note,
    unknown_texts_note,
    with_texts,
)
from llmcli.data.rows import Failure
from llmcli.spec import BatchOptions


@dataclass(frozen=True, slots=True)
class Display:
    """How a command shows its results where they are not written as data."""

    as_text: Render
    """The text of a record, for --format text."""
    show: Callable[[Any, Output], None] | None = None
    """Writes a result for a person, to stdout, in place of `as_text`."""
    streams: bool = False
    """The text is shown while it is generated: there is no progress line."""
    task: Callable[..., Any] | None = None
    """Gives the results; where there is no row, its annotation says what columns they have."""


class Sink(Protocol):
    """Where the results of a run go."""

    def write(self, result: Any) -> None: ...

    def write_error(self, record: Record) -> None:
        """Write the record of a row that failed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Shows results to a person, and reports errors on stderr."""

    show: Callable[[Any, Output], None]
    out: Output

    def write(self, result: Any) -> None:
        self.show(result, self.out)

    def write_error(self, record: Record) -> None:
        self.out.say(text_of(record, str))


@dataclass(frozen=True, slots=True)
class Recorded:
    """Writes results and errors as records."""

    records: Records
    keeps_texts: bool
    """A record has the text of its row even where one of its columns is that text."""

    def write(self, result: Any) -> None:
        record = result.to_dict()
        self.records.write(with_texts(record, result) if self.keeps_texts else record)

    def write_error(self, record: Record) -> None:
        self.records.write(record)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a task over rows: counts its results and writes them."""

    batch: BatchOptions
    """The options for the task, which leave out the rows that an interrupted run has done."""
    sink: Sink
    progress: Progress
    errors: ErrorLimit
    """Of rows from a file: one that fails becomes a record. Else its error is raised."""
    notes: Counter[str] = field(default_factory=Counter)
    """How many results have each note of their own."""

    @property
    def is_file(self) -> bool:
        """True if the rows come from a file, not from the command line."""
        return self.errors.source is not None

    def follow(self, results: Iterable[Any]) -> Iterator[Any]:
        """Count results and yield them; failed rows are written as error records instead."""
        for result in self.progress.count(results):
            if not isinstance(result, Failure):
                yield result
            elif self.is_file:
                self.progress.make_way()
                self.sink.write_error({**result.to_dict(), ERROR: with_flags(result.error)})
                self.errors.check(self.progress.done)
            else:
                raise result.cause

    def write(self, result: Any) -> None:
        """Write a result."""
        self.progress.make_way()
        self.sink.write(result)
        self.notes.update(getattr(result, "notes", ()))

    def finish(self, out: Output) -> None:
        """Report how many texts were too long, ended early, or cannot be read.

        Raises RowsFailed if some rows failed.
        """
        done = self.progress.done
        if done.overflowed:
            on_overflow = self.batch.on_overflow
            out.note(
                f"{done.overflowed:,} of {done.total:,} texts were too long for the model: "
                f"{OVERFLOW_WORDS[on_overflow]} (--on-overflow {on_overflow})"
            )
        if self.progress.capped:
            out.note(capped_note(self.progress.capped))
        if done.unknown:
            is_one = done.total == 1 and not self.is_file
            share, note = self.progress.unknown, unknown_texts_note(done.unknown, done.total)
            out.note(unknown_note(share) if is_one else note)
        for note, count in self.notes.items():
            out.note(f"{count:,} of {done.total:,} texts: {note}" if self.is_file else note)
        self.errors.require_all(done)
