"""The changes: each value of each metadata file by hostile ones, each file damaged as a whole."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Place = tuple[str | int, ...]

# JSON texts, written as they stand in the place of a value.
HOSTILE = {
    "null": "null",
    "true": "true",
    "-1": "-1",
    "0.5": "0.5",
    "a thousand million": "1000000000",
    "a number of 5,000 digits": "9" * 5000,
    "Infinity": "Infinity",
    "an empty text": '""',
    "a text with NUL": '"a\\u0000b"',
    "a lone surrogate": '"\\ud800"',
    "an empty list": "[]",
    "an object": '{"a": 1}',
    "10,000 nested lists": "[" * 10_000 + "]" * 10_000,
}
DELETED = "deleted"
MARK = "\ue000 the value \ue000"
LINES = 2  # of a .jsonl file that are changed, and of long lists and vocabularies


@dataclass(frozen=True)
class Mutation:
    """One change of one file. place: of a value inside it; None for a change of the whole file."""

    file: str
    change: str
    place: Place | None = None

    def __str__(self) -> str:
        where = "" if self.place is None else " " + ".".join(map(str, self.place))
        return f"{self.file}{where}: {self.change}"

    def apply(self, folder: Path, victim: Path) -> None:
        """Change the file of a copy of a sound folder. victim: a file outside, to be left alone."""
        path = folder / self.file
        if self.place is None:
            FILE_CHANGES[self.change](path, victim)
            return
        lines = path.read_text("utf-8").splitlines() if path.suffix == ".jsonl" else []
        if lines:
            row = int(self.place[0])
            lines[row] = _changed(json.loads(lines[row]), self.place[1:], self.change)
            text = "\n".join(lines) + "\n"
        else:
            text = _changed(json.loads(path.read_text("utf-8")), self.place, self.change)
        path.write_text(text, "utf-8")


def mutations(folder: Path) -> Iterator[Mutation]:
    """All changes of a sound folder, in the order of its files."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in (".png", ".md"):
            continue
        name = path.relative_to(folder).as_posix()
        for change in FILE_CHANGES:
            yield Mutation(name, change)
        for place in _places_of_file(path):
            for change in (*HOSTILE, DELETED):
                yield Mutation(name, change, place)


def _places_of_file(path: Path) -> Iterator[Place]:
    if path.suffix == ".json":
        yield from _places(json.loads(path.read_text("utf-8")), ())
    elif path.suffix == ".jsonl":
        for row, line in enumerate(path.read_text("utf-8").splitlines()[:LINES]):
            yield from _places(json.loads(line), (row,))


def _places(value: Any, above: Place) -> Iterator[Place]:
    """The place of each value below `value`: of long lists and vocabularies the first few."""
    if isinstance(value, dict):
        few = len(value) > 15 and len({type(entry) for entry in value.values()}) == 1
        members: list[tuple[str | int, Any]] = list(value.items())[: LINES if few else None]
    elif isinstance(value, list):
        members = list(enumerate(value[:LINES]))
    else:
        return
    for key, entry in members:
        yield (*above, key)
        yield from _places(entry, (*above, key))


def _changed(value: Any, place: Place, change: str) -> str:
    if not place:
        return "" if change == DELETED else HOSTILE[change]
    parent = value
    for key in place[:-1]:
        parent = parent[key]
    if change == DELETED:
        del parent[place[-1]]
        return json.dumps(value)
    parent[place[-1]] = MARK
    return json.dumps(value).replace(json.dumps(MARK), HOSTILE[change])


def _instead(make: Callable[[Path, Path], object]) -> Callable[[Path, Path], None]:
    def change(path: Path, victim: Path) -> None:
        path.unlink()
        make(path, victim)

    return change


def _truncate(path: Path, victim: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


FILE_CHANGES: dict[str, Callable[[Path, Path], None]] = {
    "cut in half": _truncate,
    "emptied": lambda path, victim: os.truncate(path, 0),
    "removed": lambda path, victim: path.unlink(),
    "not UTF-8": lambda path, victim: path.write_bytes(b"\xff\xfe\xfa" + path.read_bytes()),
    "a directory": _instead(lambda path, victim: path.mkdir()),
    "a FIFO": _instead(lambda path, victim: os.mkfifo(path)),
    "a link to a file outside": _instead(lambda path, victim: path.symlink_to(victim)),
    "a hard link to a file outside": _instead(lambda path, victim: path.hardlink_to(victim)),
    "a link to nothing": _instead(lambda path, victim: path.symlink_to(path.parent / "nothing")),
    "a link to itself": _instead(lambda path, victim: path.symlink_to(path)),
    "a link to /dev/zero": _instead(lambda path, victim: path.symlink_to("/dev/zero")),
}
