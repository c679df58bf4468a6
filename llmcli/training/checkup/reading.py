"""Reads the rows of training files, and notes what is wrong with the unusable ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from llmcli.errors import InputError
from llmcli.training.checkup.findings import FileCount, Problem
from llmcli.training.checkup.items import Item
from llmcli.training.rows import RowTask


@dataclass(slots=True)
class FilesRead:
    """The rows of some files."""

    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    files: list[FileCount] = field(default_factory=list)


def read_items(task: RowTask, paths: Sequence[str], use: str) -> FilesRead:
    """The rows of files that can be used, and what is wrong with all others.

    use: train or validation.
    """
    read = FilesRead()
    for path in paths:
        items, problems = len(read.items), len(read.problems)
        try:
            for place, row in task.each_row(path):
                if isinstance(row, InputError):
                    read.problems.append(problem_of(path, place, row))
                else:
                    read.items.append(Item(path, place, row))
        except InputError as error:
            read.problems.append(problem_of(path, "", error))
        unusable = sum(bool(problem.place) for problem in read.problems[problems:])
        rows = len(read.items) - items + unusable
        read.files.append(FileCount(path, use, rows, unusable))
    return read


def problem_of(path: str, place: str, error: InputError) -> Problem:
    """An error as a problem: its reason without the place, which has a field of its own."""
    reason = str(error)
    for prefix in (f"{path}, ", f"{path}: ", f"{path} ", f"{place}: "):
        reason = reason.removeprefix(prefix)
    line = int(place.split()[1]) if place.startswith("line ") else None
    return Problem(path, line, place, reason)
