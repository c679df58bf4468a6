"""An output file in the making: FILE.part, from which it is made whole or taken up again.

    FILE.part        what was done so far, a JSON object a line
    FILE.part.json   the run that wrote it: command, settings, hashes of input and model

However a run ends, the part holds whole rows and at most one broken one, which is done again.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from llmcli.data.parquet import write_npy, write_parquet
from llmcli.data.writers import Record, column_names, is_error, make_writer, to_json
from llmcli.errors import InputError
from llmcli.spec import Format
from llmcli.system.locks import lock

Run = dict[str, Any]


@dataclass
class Done:
    """What rows came to."""

    total: int = 0
    failed: int = 0
    overflowed: int = 0


class Part:
    """The lines of FILE.part, written one by one."""

    def __init__(self, target: Path, run: Run | None, resume: bool) -> None:
        """run: what makes the run the same as another; None: it cannot be taken up again."""
        self._target = target
        self._path = target.with_name(target.name + ".part")
        self._journal = target.with_name(target.name + ".part.json")
        self.after = 0
        """Rows up to this number are in the part."""
        self.done = Done()
        self.drawn: Run = {}
        """What an earlier run drew at random."""
        if resume and run is not None and self._path.exists() and self._path.stat().st_size:
            self._check(run)
            self._file = self._open()
            os.truncate(self._path, self._count())
        else:
            self._file = self._begin(run)

    @property
    def name(self) -> str:
        return str(self._path)

    def write(self, record: Record) -> None:
        """Add a record, and hand it to the operating system."""
        with explained(self._path):
            self._file.write(to_json(record).encode() + b"\n")
            self._file.flush()

    def remember(self, drawn: Run) -> None:
        """Keep what was drawn at random for a run that takes this one up."""
        if self._journal.exists():
            with explained(self._journal):
                self._write_journal({**self._read_journal(), "drawn": drawn})

    def finish(self, form: Format, as_text: Callable[[Record], str]) -> None:
        """Put the whole file in its place."""
        with explained(self._target):
            self._file.close()
            if form == "jsonl":
                self._path.replace(self._target)
            else:
                new = self._target.with_name(self._target.name + ".new")
                self._convert(new, form, as_text)
                new.replace(self._target)
                self._path.unlink()
            self._journal.unlink(missing_ok=True)

    def leave(self) -> bool:
        """Close the file; what it holds stays, if it is something: then True."""
        with suppress(OSError):  # it would try to write once more what it could not
            self._file.close()
        if self._path.stat().st_size:
            return True
        self._path.unlink()
        self._journal.unlink(missing_ok=True)
        return False

    @property
    def can_go_on(self) -> bool:
        """True where --resume would take it up."""
        return self._journal.exists()

    def _begin(self, run: Run | None) -> IO[bytes]:
        with explained(self._path):
            file = self._open()
            self._journal.unlink(missing_ok=True)  # at no time has a part the journal of another
            if file.tell():
                os.truncate(self._path, 0)
            if run is not None:
                self._write_journal({"run": run})
            return file

    def _write_journal(self, content: Run) -> None:
        aside = self._journal.with_name(self._journal.name + ".new")
        aside.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
        aside.replace(self._journal)

    def _read_journal(self) -> Run:
        try:
            content: Run = json.loads(self._journal.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise InputError(
                f"cannot resume {self._path}: {self._journal.name}, which says how it was made, "
                "is missing or damaged; leave out --resume to begin anew"
            ) from None
        return content

    def _check(self, run: Run) -> None:
        """Raise InputError if another run wrote the part."""
        journal = self._read_journal()
        before = journal.get("run", {})
        changed = [name for name in {**run, **before} if run.get(name) != before.get(name)]
        if changed:
            name = changed[0]
            told = _told(name, before.get(name), run.get(name))
            raise InputError(
                f"cannot resume {self._path}: {told}; leave out --resume to begin anew"
            )
        self.drawn = journal.get("drawn", {})

    def _open(self) -> IO[bytes]:
        """Open the part, and keep other runs out of it."""
        with explained(self._path):
            file = self._path.open("ab")
        try:
            lock(file)
        except OSError:
            file.close()
            raise InputError(
                f"another run is writing {self._path}: wait for it, or stop it"
            ) from None
        return file

    def _count(self) -> int:
        """Count what was done, but for the last row, which may be broken; return its place."""
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
            self.done.failed += is_error(records[0])
            self.done.overflowed += records[0].get("overflow") is not None

    def _records(self) -> Iterator[Record]:
        with self._path.open("rb") as file:
            yield from map(json.loads, file)

    def _convert(self, new: Path, form: Format, as_text: Callable[[Record], str]) -> None:
        if form == "parquet":
            write_parquet(self._records, new)
        elif form == "npy":
            write_npy(self._records, new)
        else:
            names = column_names(self._records()) if form == "csv" else ()
            with new.open("w", encoding="utf-8", newline="") as file:
                writer = make_writer(form, file, as_text, names)
                for record in self._records():
                    writer.write(record)
                writer.close()


def _whole_lines(path: Path) -> Iterator[tuple[bytes, Record]]:
    """The lines of a part, and what they say, up to the first that is broken off."""
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
            except ValueError:
                return
            if not line.endswith(b"\n"):
                return
            yield line, record


def _told(name: str, before: Any, now: Any) -> str:
    if name == "input":
        return "the input has changed since"
    if name == "model":
        return "the model has changed since"
    if name == "context":
        return "the context has changed since"
    return f"{name} was {_shown(before)} and is {_shown(now)} now"


def _shown(value: Any) -> str:
    return "not given" if value is None else str(value)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn a failure to write into one line."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
