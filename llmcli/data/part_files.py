"""The files of an output that is not finished: their names, and whether they are ours."""

import json
import os
from pathlib import Path
from typing import Any

from llmcli.data.run_journal import Journal, journal_of, open_journal
from llmcli.data.write_errors import write_errors_explained
from llmcli.data.writers.npy import rows_beside
from llmcli.errors import InputError, UsageError
from llmcli.system import own_files


def part_of(target: Path) -> Path:
    """The path of the part of an output file."""
    return target.with_name(target.name + ".part")


def batches_of(target: Path, token: str) -> Path:
    """The path of the outputs of unfinished windows. token: of the run."""
    return target.with_name(f"{target.name}.{token}.batches")


def require_no_rows(
    target: Path, restart: bool | None, can_resume: bool, *, resume: bool = False
) -> None:
    """Find out whether a run may write into the part of an output file.

    restart: rows of an earlier run may be dropped; None: as False, where no setting says so.
    can_resume: the new run could be resumed. Raises UsageError if there are rows that the new run
    would drop; InputError if a file with that name is not ours, or another run is writing it.
    """
    path = part_of(target)
    with write_errors_explained(path):
        journal = open_journal(journal_of(path))
        if journal is None:
            if own_files.exists(path):
                own_files.require_ordinary(path, os.lstat(path))
                raise not_ours(path)
            return
        try:
            rows = _rows_of(path, journal)
        finally:
            journal.close()
    if rows and not restart and not (resume and can_resume):
        cure = "remove it to start over" if restart is None else "`restart` starts over"
        cure = f"`resume` continues that run, {cure}" if can_resume else cure
        noun = "row" if rows == 1 else "rows"
        raise UsageError(f"{path} holds {rows:,} finished {noun} of an earlier run: {cure}")


def drawn_of(target: Path) -> dict[str, Any]:
    """What the run whose rows are in the part of an output drew and chose; empty without a part.

    Raises InputError if a file with its name is not ours, or another run is writing it.
    """
    path = part_of(target)
    with write_errors_explained(path):
        journal = open_journal(journal_of(path))
        if journal is None:
            return {}
        journal.close()
        return journal.drawn


def _rows_of(path: Path, journal: Journal) -> int:
    """The number of records in a part. Raises InputError if it is not that of a journal."""
    if not own_files.exists(path):
        return 0
    with own_files.reopen(path) as file:
        first = file.readline()
        if not (journal.owns(file) or not first or _is_record(first)):
            raise not_ours(path)
        file.seek(0)
        return sum(line.endswith(b"\n") for line in file)


def _is_record(line: bytes) -> bool:
    """True for a line that `Part.write` may have written."""
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and type(record.get("row")) is int


def drop(target: Path, journal: Journal) -> None:
    """Remove the files of an earlier run."""
    if journal.token:
        own_files.remove(batches_of(target, journal.token))
        for path in (target, rows_beside(target)):
            own_files.remove(own_files.name_aside(path, journal.token))
    own_files.remove(part_of(target))
    own_files.remove(journal.path)
    journal.close()


def not_ours(path: Path) -> InputError:
    """The error for a file that only has the name of a part."""
    return InputError(f"{path}, where the results would grow, is another file: move it away")
