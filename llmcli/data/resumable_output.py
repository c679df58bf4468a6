"""Output files that --resume can continue: FILE.part, which becomes FILE at the end.

    FILE.part           the results so far, a JSON object a line
    FILE.part.journal   what the run is, and which of these rows can be trusted
    FILE.TOKEN.batches  outputs of the batches of the window that is being computed

However a run ends, a run that resumes it keeps the rows that stand as they were written, and
computes the others.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, Protocol

from llmcli.data.done import Done
from llmcli.data.part_files import batches_of, drop, not_ours, part_of, require_no_rows
from llmcli.data.records import Record, Render, to_json
from llmcli.data.run_journal import (
    Identity,
    Mark,
    create_journal,
    journal_of,
    open_journal,
)
from llmcli.data.stored_batches import EVERY, BatchFile
from llmcli.data.write_errors import write_errors_explained
from llmcli.data.writers import Layout, write_file
from llmcli.errors import InputError
from llmcli.spec import Format
from llmcli.system import own_files


class Chosen(Protocol):
    """Some of the fields of records."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def select(self, record: Record) -> Record:
        """A record of these fields."""


class Part:
    """FILE.part, written record by record."""

    def __init__(
        self, target: Path, identity: Identity | None, resume: bool, *, restart: bool | None = False
    ) -> None:
        """identity: of this run; None: the run cannot be resumed.

        restart: drop the rows of an earlier run; None: as False, where no setting says so.
        Raises InputError if the part was written by a different run, is being written by one, or is
        not ours; UsageError if it holds finished rows, and neither `resume` nor `restart` is set.
        """
        self._target = target
        self._path = part_of(target)
        self.after = 0
        """Rows up to this number are in the part."""
        self.done = Done()
        self.columns: tuple[str, ...] = ()
        """The columns of .csv where there is no row."""
        self.distrusted = False
        """Some rows of the earlier run were changed since, and are computed again."""
        self._row: int | None = None
        self._size = 0
        self._hash = hashlib.blake2b(digest_size=8)
        self._marks: list[Mark] = []
        self._saved = time.monotonic()
        require_no_rows(target, restart, identity is not None, resume=resume)
        with write_errors_explained(self._path), ExitStack() as opened:
            self._open(identity, resume, opened)
            self.batches = self._batches()
            opened.pop_all()  # nothing is closed where all went well

    @property
    def name(self) -> str:
        """The path of the part."""
        return str(self._path)

    @property
    def holds_work(self) -> bool:
        """True if there are finished rows or batches."""
        return bool(self._size) or not self.batches.is_empty

    @property
    def can_be_resumed(self) -> bool:
        """True if --resume would continue it."""
        return self._journal.run is not None and not self._journal.changed

    @property
    def drawn(self) -> dict[str, Any]:
        """What an earlier run drew at random."""
        return self._journal.drawn

    def write(self, record: Record) -> None:
        """Add a record, and hand it to the operating system.

        Raises InputError if another program has changed the part meanwhile.
        """
        row = record.get("row")
        if row != self._row:
            self._mark()
            self._row = row
        line = to_json(record).encode() + b"\n"
        with write_errors_explained(self._path):
            if os.fstat(self._file.fileno()).st_size != self._size:
                raise self._was_changed()
            self._file.write(line)
            self._file.flush()
        self._size += len(line)
        self._hash.update(line)

    def remember(self, drawn: dict[str, Any]) -> None:
        """Keep what was drawn at random for a run that resumes this one."""
        with write_errors_explained(self._journal.path):
            if drawn != self._journal.drawn:
                self._journal.add({"drawn": drawn})
                self.batches.close(keep=False)
                self.batches = self._batches()

    def forbid_resuming(self, reason: str) -> None:
        """Note that the rows may be wrong: their input changed while it was read."""
        with write_errors_explained(self._journal.path):
            self._journal.add({"changed": reason})

    def finish(
        self,
        form: Format,
        as_text: Render,
        about: Record | None = None,
        chosen: "Chosen | None" = None,
    ) -> None:
        """Make the whole file from the part, in its format, and remove the part.

        about: how the records were made, for a format that can keep it. chosen: the fields that
        the file has; None: all. Raises InputError if another program has changed the part.
        """
        with write_errors_explained(self._target):
            self._mark()
            self._save()
            self._require_unchanged()
            if form == "jsonl" and chosen is None:
                own_files.settle(self._file, self._target)
                self._file.close()
                self._path.replace(self._target)
            else:
                names = self.columns if chosen is None else chosen.names
                layout = Layout(as_text, names)
                records = _Records(self._path, chosen)
                write_file(form, self._target, records, layout, about, self._journal.token)
                self._file.close()
                own_files.remove(self._path)
            self._end()

    def leave(self) -> bool:
        """Close the part of an interrupted run; False: it was empty, and is removed."""
        with suppress(OSError, InputError):  # what could not be written cannot be now
            self._save()
            self.batches.save()
        with suppress(OSError):
            self._file.close()
        if self.holds_work:
            self.batches.close(keep=True)
            self._journal.close()
            return True
        own_files.remove(self._path)
        self._end()
        return False

    def _end(self) -> None:
        self.batches.close(keep=False)
        own_files.remove(self._journal.path)
        self._journal.close()

    def _open(self, identity: Identity | None, resume: bool, opened: ExitStack) -> None:
        """Open what an earlier run left, to continue it, or begin. opened: closes what is open."""
        journal = open_journal(journal_of(self._path))
        if resume and identity is not None and journal and own_files.exists(self._path):
            self._journal = journal
            opened.callback(journal.close)
            self._check(identity)
            self._file = opened.enter_context(own_files.reopen(self._path))
            self._resume()
        else:
            if journal is not None:
                drop(self._target, journal)
            self._journal = create_journal(journal_of(self._path), identity)
            opened.callback(self._journal.close)
            mode = own_files.mode_for(self._target) | 0o600
            self._file = opened.enter_context(own_files.create(self._path, mode))
            self._journal.add({"part": os.fstat(self._file.fileno()).st_ino})

    def _batches(self) -> BatchFile:
        token, drawn = self._journal.token, json.dumps(self._journal.drawn)
        path = batches_of(self._target, token)
        store = BatchFile(path, f"{token} {drawn}", self._window_begins)
        store.read()
        return store

    def _resume(self) -> None:
        """Take the rows of the earlier run that stand as they were written; cut off the others."""
        trusted, size = _trusted(self._file, self._journal.marks), self._file.seek(0, os.SEEK_END)
        last = self._journal.marks[-1].size if self._journal.marks else 0
        self.distrusted = trusted < last
        if size and not trusted and not self._journal.owns(self._file):
            raise not_ours(self._path)
        self._file.seek(0)
        for line in iter(self._file.readline, b""):
            if self._size == trusted:
                break
            record = json.loads(line)
            if record["row"] != self._row:
                self.done.count(record)
                self.after = self._row = record["row"]
            self._size += len(line)
            self._hash.update(line)
        self._file.seek(trusted)
        self._file.truncate()
        self._journal.marks = [mark for mark in self._journal.marks if mark.size <= trusted]
        if not self._journal.owns(self._file):  # it was copied
            self._journal.add({"part": os.fstat(self._file.fileno()).st_ino})

    def _check(self, identity: Identity) -> None:
        """Raise InputError if another run wrote the part."""
        cure = "`restart` in place of `resume` starts over"
        before = self._journal.run
        if before is None:
            reason = (
                "its run cannot be resumed"
                if self._journal.token
                else (f"{self._journal.path.name}, which says how it was made, is damaged")
            )
            raise InputError(f"cannot resume {self._path}: {reason}; {cure}")
        if self._journal.changed:
            raise InputError(f"cannot resume {self._path}: {self._journal.changed}; {cure}")
        for name in {**identity, **before}:
            if identity.get(name) != before.get(name):
                change = _change(name, before.get(name), identity.get(name))
                raise InputError(f"cannot resume {self._path}: {change}; {cure}")

    def _mark(self) -> None:
        """Note that all that was written belongs to finished rows."""
        if self._row is not None and (not self._marks or self._marks[-1].size < self._size):
            self._marks.append(Mark(self._row, self._size, self._hash.hexdigest()))
            if time.monotonic() - self._saved >= EVERY:
                self._save()

    def _save(self) -> None:
        """Write into the journal which rows can be trusted."""
        with write_errors_explained(self._journal.path):
            marks, self._marks = self._marks, []
            self._journal.add_marks(marks)
        self._saved = time.monotonic()

    def _window_begins(self) -> None:
        """The rows of the window before this one have been written."""
        self._mark()
        if not self.batches.is_empty:
            self._save()

    def _require_unchanged(self) -> None:
        """Raise InputError unless the part holds what was written into it, and has its name."""
        with suppress(OSError):
            status = os.fstat(self._file.fileno())
            if os.path.samestat(status, os.lstat(self._path)):
                self._file.seek(0)
                digest = hashlib.blake2b(digest_size=8)
                while chunk := self._file.read(1 << 20):
                    digest.update(chunk)
                if digest.digest() == self._hash.digest():
                    return
        raise self._was_changed()

    def _was_changed(self) -> InputError:
        return InputError(
            f"{self._path} was changed by another program while the results were written into it: "
            "nothing else may write there; `resume` computes again what cannot be trusted"
        )


class _Records:
    """All records of a part; they can be read several times."""

    def __init__(self, path: Path, chosen: "Chosen | None") -> None:
        self._path, self._chosen = path, chosen

    def __call__(self) -> Iterator[Record]:
        with self._path.open("rb") as file:
            for line in file:
                record = json.loads(line)
                yield record if self._chosen is None else self._chosen.select(record)


def _trusted(file: IO[bytes], marks: list[Mark]) -> int:
    """How many bytes of a part are as they were written."""
    digest, size = hashlib.blake2b(digest_size=8), 0
    file.seek(0)
    for mark in marks:
        digest.update(file.read(mark.size - size))
        if file.tell() != mark.size or digest.hexdigest() != mark.digest:
            break
        size = mark.size
    return size


def _change(name: str, before: Any, now: Any) -> str:
    """What differs between two runs, in words."""
    if name in ("input", "model", "context"):
        return f"the {name} has changed since"
    old, new = ("not given" if value in (None, "") else value for value in (before, now))
    return f"{name} was {old} and is {new} now"
