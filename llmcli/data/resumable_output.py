"""Output files that --resume can continue: FILE.part, which becomes FILE at the end.

    FILE.part        the results so far, a JSON object a line
    FILE.part.json   the journal: command, settings, hashes of the input and the model

However a run ends, FILE.part holds complete rows, and at most one incomplete one, which is done
again.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from llmcli.data.records import ERROR, Record, Render, is_error, to_json
from llmcli.data.writers import Layout, write_file
from llmcli.errors import InputError, UsageError
from llmcli.spec import Format
from llmcli.system.locks import lock
from llmcli.system.resource_errors import write_error

Identity = dict[str, Any]
"""What makes a run the same as another: command, settings, versions, hashes."""


class Chosen(Protocol):
    """Some of the fields of records."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def select(self, record: Record) -> Record:
        """A record of these fields."""


SHOWN_REASONS = 3  # of the rows that failed


@dataclass
class Done:
    """How many rows were done, and how they ended."""

    total: int = 0
    failed: int = 0
    overflowed: int = 0
    unknown: int = 0
    """Rows whose texts the model cannot read."""
    reasons: list[tuple[int, str]] = field(default_factory=list)
    """Number and error of the first rows that failed."""

    def fail(self, row: int, error: str) -> None:
        """Count a row that failed."""
        self.failed += 1
        if len(self.reasons) < SHOWN_REASONS:
            self.reasons.append((row, error))


class Part:
    """FILE.part, written record by record."""

    def __init__(
        self, target: Path, identity: Identity | None, resume: bool, *, restart: bool | None = False
    ) -> None:
        """identity: of this run; None: the run cannot be resumed.

        restart: drop the rows of an earlier run; None: as False, where no setting says so.
        Raises InputError if the part was written by a different run, or is being written by one;
        UsageError if it holds finished rows, and neither `resume` nor `restart` is set.
        """
        self._target = target
        self._path = part_of(target)
        self._journal = target.with_name(target.name + ".part.json")
        self.after = 0
        """Rows up to this number are in the part."""
        self.done = Done()
        self.drawn: dict[str, Any] = {}
        """What an earlier run drew at random."""
        self.columns: tuple[str, ...] = ()
        """The columns of .csv where there is no row."""
        is_there = self._path.exists() and self._path.stat().st_size > 0
        if resume and identity is not None and is_there:
            self._check(identity)
            self._file = self._open()
            os.truncate(self._path, self._count())
        else:
            require_no_rows(target, restart, identity is not None)
            self._file = self._begin(identity)

    @property
    def name(self) -> str:
        """The path of the part."""
        return str(self._path)

    @property
    def can_be_resumed(self) -> bool:
        """True if --resume would continue it."""
        return self._journal.exists()

    def write(self, record: Record) -> None:
        """Add a record, and hand it to the operating system."""
        with write_errors_explained(self._path):
            self._file.write(to_json(record).encode() + b"\n")
            self._file.flush()

    def remember(self, drawn: dict[str, Any]) -> None:
        """Keep what was drawn at random for a run that resumes this one."""
        if self._journal.exists():
            with write_errors_explained(self._journal):
                self._write_journal({**self._read_journal(), "drawn": drawn})

    def finish(
        self,
        form: Format,
        as_text: Render,
        about: Record | None = None,
        chosen: "Chosen | None" = None,
    ) -> None:
        """Make the whole file from the part, in its format, and remove the part.

        about: how the records were made, for a format that can keep it. chosen: the fields that
        the file has; None: all.
        """
        with write_errors_explained(self._target):
            self._file.close()
            if form == "jsonl" and chosen is None:
                self._path.replace(self._target)
            else:
                new = self._target.with_name(self._target.name + ".new")
                names = self.columns if chosen is None else chosen.names
                layout = Layout(as_text, names)
                write_file(form, new, lambda: self._records(chosen), layout, about)
                new.replace(self._target)
                self._path.unlink()
            self._journal.unlink(missing_ok=True)

    def leave(self) -> bool:
        """Close the part of an interrupted run; False: it was empty, and is removed."""
        with suppress(OSError):  # closing would try again to write what could not be written
            self._file.close()
        if self._path.stat().st_size:
            return True
        self._path.unlink()
        self._journal.unlink(missing_ok=True)
        return False

    def _begin(self, identity: Identity | None) -> IO[bytes]:
        with write_errors_explained(self._path):
            file = self._open()
            self._journal.unlink(missing_ok=True)  # a part never has the journal of another run
            if file.tell():
                os.truncate(self._path, 0)
            if identity is not None:
                self._write_journal({"run": identity})
            return file

    def _write_journal(self, content: dict[str, Any]) -> None:
        new = self._journal.with_name(self._journal.name + ".new")
        new.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
        new.replace(self._journal)

    def _read_journal(self) -> dict[str, Any]:
        content: Any = None
        with suppress(OSError, ValueError):
            content = json.loads(self._journal.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise InputError(
                f"cannot resume {self._path}: {self._journal.name}, which says how it was made, "
                "is missing or damaged; `restart` in place of `resume` starts over"
            )
        return content

    def _check(self, identity: Identity) -> None:
        """Raise InputError if another run wrote the part."""
        journal = self._read_journal()
        before = journal.get("run", {})
        for name in {**identity, **before}:
            if identity.get(name) != before.get(name):
                change = _change(name, before.get(name), identity.get(name))
                raise InputError(
                    f"cannot resume {self._path}: {change}; `restart` in place of `resume` starts "
                    "over"
                )
        self.drawn = journal.get("drawn", {})

    def _open(self) -> IO[bytes]:
        """Open the part, and keep other runs out of it."""
        return _open_locked(self._path)

    def _count(self) -> int:
        """Count the rows that were done, except the last, which may be incomplete.

        Returns the place in the file, in bytes, where that last row begins.
        """
        size = place = 0
        row: int | None = None
        records: list[Record] = []
        for line, record in _whole_lines(self._path):
            if record["row"] != row:
                self._add(records)
                place, row, records = size, record["row"], []
            records.append(record)
            size += len(line)
        return place

    def _add(self, records: list[Record]) -> None:
        if records:
            self.after = records[0]["row"]
            self.done.total += 1
            if is_error(records[0]):
                self.done.fail(self.after, str(records[0][ERROR]))
            self.done.overflowed += records[0].get("overflow") is not None
            self.done.unknown += records[0].get("unknown") is not None

    def _records(self, chosen: "Chosen | None") -> Iterator[Record]:
        with self._path.open("rb") as file:
            for line in file:
                record = json.loads(line)
                yield record if chosen is None else chosen.select(record)


def part_of(target: Path) -> Path:
    """The path of the part of an output file."""
    return target.with_name(target.name + ".part")


def require_no_rows(target: Path, restart: bool | None, can_resume: bool) -> None:
    """Raise UsageError if the part of an output file holds rows that a new run would drop.

    restart: they may be dropped; None: as False, where no setting says so. can_resume: the new
    run could be resumed.
    """
    path = part_of(target)
    if restart or not path.exists() or not path.stat().st_size:
        return
    _open_locked(path).close()
    with path.open("rb") as file:
        is_ours = file.read(1) == b"{"
    rows = sum(1 for _ in _whole_lines(path))
    if not is_ours:
        raise UsageError(f"{path}, where the results would grow, is another file: move it away")
    if rows:
        cure = "remove it to start over" if restart is None else "`restart` starts over"
        cure = f"`resume` continues that run, {cure}" if can_resume else cure
        noun = "row" if rows == 1 else "rows"
        raise UsageError(f"{path} holds {rows:,} finished {noun} of an earlier run: {cure}")


def _open_locked(path: Path) -> IO[bytes]:
    with write_errors_explained(path):
        file = path.open("ab")
    try:
        lock(file)
    except OSError:
        file.close()
        raise InputError(f"another run is writing {path}: wait for it, or stop it") from None
    return file


def _whole_lines(path: Path) -> Iterator[tuple[bytes, Record]]:
    """The lines of a part with their records, up to the first line that is incomplete."""
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                return
            if not line.endswith(b"\n"):
                return
            yield line, record


def _change(name: str, before: Any, now: Any) -> str:
    """What differs between two runs, in words."""
    if name in ("input", "model", "context"):
        return f"the {name} has changed since"
    old, new = ("not given" if value in (None, "") else value for value in (before, now))
    return f"{name} was {old} and is {new} now"


@contextmanager
def write_errors_explained(path: Path) -> Iterator[None]:
    """Turn a failure to write into InputError or DiskFull."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise write_error(error, f"cannot write {path}: {error.strerror}") from None
