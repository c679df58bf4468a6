"""The journal of an output: what its run was, and which rows of the output can be trusted.

    llmcli journal 1                         the first line
    DIGEST {"run": {...}, "token": "..."}    command, settings, hashes of the input and the model
    DIGEST {"part": 1234}                    the number (inode) of the file with the rows
    DIGEST {"drawn": {"seed": 5, ...}}       what was drawn at random, or chosen by measuring
    DIGEST {"rows": [[3, 412, "..."], ...]}  after row 3, the file has 412 bytes, of this hash

Lines are only added. A digest covers the number of its line as well: what follows a line that is
damaged, lost or incomplete is not read, so that the journal says less than it did, never what is
not so.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from llmcli.errors import InputError
from llmcli.system import own_files
from llmcli.system.locks import lock

Identity = dict[str, Any]
"""What makes a run the same as another: command, settings, versions, hashes."""
MAGIC = b"llmcli journal 1\n"
MOST = 64  # marks in a line: more are thinned out


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the part where a row ends."""

    row: int
    size: int
    """Bytes up to here."""
    digest: str
    """Of these bytes."""


@dataclass
class Journal:
    """An open journal, which no other process can open meanwhile."""

    path: Path
    file: IO[bytes]
    token: str = ""
    """Makes the names of further files of this run; empty: the journal does not say what it is."""
    run: Identity | None = None
    """None: the run cannot be resumed."""
    drawn: dict[str, Any] = field(default_factory=dict)
    """What was drawn at random, or chosen by measuring."""
    parts: set[int] = field(default_factory=set)
    marks: list[Mark] = field(default_factory=list)
    changed: str = ""
    """Why the rows cannot be trusted: the input changed."""
    lines: int = 0

    def add(self, content: dict[str, Any]) -> None:
        """Add a line. Raises OSError."""
        text = json.dumps(content)
        self.file.write(f"{_digest(self.lines, text)} {text}\n".encode())
        self.file.flush()
        self.lines += 1
        self._take(content)

    def add_marks(self, marks: list[Mark]) -> None:
        """Add what is known of the part; of many marks, some, and the last one. Raises OSError."""
        if marks:
            step = -(-len(marks) // MOST)
            thinned = marks[::-1][::step][::-1]
            self.add({"rows": [[mark.row, mark.size, mark.digest] for mark in thinned]})

    def owns(self, part: IO[bytes]) -> bool:
        """True if a run of this journal made this file."""
        return os.fstat(part.fileno()).st_ino in self.parts

    def close(self) -> None:
        """Let other runs open the journal."""
        with suppress(OSError):
            self.file.close()

    def _take(self, content: dict[str, Any]) -> None:
        if "token" in content:
            self.token, self.run = content["token"], content["run"]
        if "part" in content:
            self.parts.add(content["part"])
        self.drawn = content.get("drawn", self.drawn)
        self.changed = content.get("changed", self.changed)
        self.marks += [Mark(*each) for each in content.get("rows", ())]


def journal_of(part: Path) -> Path:
    """The path of the journal of a part."""
    return part.with_name(part.name + ".journal")


def create_journal(path: Path, run: Identity | None) -> Journal:
    """Begin a journal. Raises InputError if something has its name, OSError."""
    try:
        file = own_files.create(path)
    except FileExistsError:
        raise InputError(f"another run is writing {path}: wait for it, or stop it") from None
    journal = Journal(path, file)
    _lock(journal)
    file.write(MAGIC)
    journal.add({"run": run, "token": os.urandom(8).hex()})
    os.fsync(file.fileno())
    return journal


def open_journal(path: Path) -> Journal | None:
    """Open the journal of an earlier run; None if there is none.

    Raises InputError if the file is no journal, or is in use by another run.
    """
    try:
        file = own_files.reopen(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    journal = Journal(path, file)
    _lock(journal)
    start = file.read(len(MAGIC))
    if start and start != MAGIC:
        journal.close()
        raise InputError(f"{path} is not a journal of llmcli: move it away")
    _read(journal)
    return journal


def _lock(journal: Journal) -> None:
    try:
        lock(journal.file)
        is_there = os.path.samestat(os.fstat(journal.file.fileno()), os.lstat(journal.path))
    except OSError:
        is_there = False
    if not is_there:  # or its run has just ended, and removed it
        journal.close()
        output = journal.path.with_name(journal.path.name.removesuffix(".journal"))
        raise InputError(f"another run is writing {output}: wait for it, or stop it")


def _read(journal: Journal) -> None:
    """Take the lines up to the first that is not as it was written; the others are cut off."""
    end = journal.file.tell()
    for line in journal.file:
        digest, _, text = line.decode("utf-8", "replace").rstrip("\n").partition(" ")
        if not line.endswith(b"\n") or digest != _digest(journal.lines, text):
            break
        journal._take(json.loads(text))
        journal.lines += 1
        end += len(line)
    if journal.token:
        journal.file.seek(end)
        journal.file.truncate()


def _digest(number: int, text: str) -> str:
    return hashlib.blake2b(f"{number} {text}".encode(), digest_size=8).hexdigest()
