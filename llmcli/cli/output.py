"""The only file that prints: results to stdout or a file, everything else to stderr."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TextIO

import click

from llmcli.errors import InputError, UsageError
from llmcli.spec import Format, OutputSpec

Record = dict[str, Any]


class ErrorRecord(Record):
    """What a row that failed is written as: its other fields, its number and the error."""

    def __str__(self) -> str:
        return f"[row {self['row']}: {self['error']}]"


BY_SUFFIX: dict[str, Format] = {
    **{".txt": "text", ".py": "text"},
    **{".json": "json", ".jsonl": "jsonl", ".csv": "csv"},
}


class Output:
    """Where one command writes."""

    def __init__(self, spec: OutputSpec) -> None:
        self.path = None if spec.output in (None, "-") else Path(str(spec.output))
        self.format: Format = spec.format or self._format_of_path()
        self.quiet = spec.quiet
        self.verbose = spec.verbose
        if spec.quiet:  # read by huggingface_hub, which is imported later
            os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
        self._check_path()

    def _format_of_path(self) -> Format:
        if self.path is None:
            return "text"
        if self.path.suffix not in BY_SUFFIX:
            known = " ".join(BY_SUFFIX)
            raise UsageError(f"--output {self.path}: name it {known}, or give --format")
        return BY_SUFFIX[self.path.suffix]

    def _check_path(self) -> None:
        """Find out before any work whether the output file can be written."""
        if self.path is None:
            return
        if self.format == "table":
            raise UsageError("--format table is for the terminal: leave out --output")
        if self.path.is_dir():
            raise InputError(f"cannot write {self.path}: it is a folder")
        if not self.path.parent.is_dir():
            raise InputError(f"cannot write {self.path}: there is no folder {self.path.parent}")
        if not os.access(self.path.parent, os.W_OK):
            raise InputError(f"cannot write {self.path}: no permission in {self.path.parent}")

    @property
    def is_for_reading(self) -> bool:
        """Results go to stdout as text, for a person: a table may take the place of records."""
        return self.path is None and self.format in ("text", "table")

    def note(self, line: str) -> None:
        """Say something that was decided for the user."""
        if not self.quiet:
            click.echo(line, err=True)

    def detail(self, line: str) -> None:
        """Say it only if -v asks."""
        if self.verbose:
            self.note(line)

    def text(self, text: str, *, dim: bool = False) -> None:
        """Write a stretch of text to stdout at once, for streaming."""
        dimmed = dim and sys.stdout.isatty()
        print_to(sys.stdout, click.style(text, dim=True) if dimmed else text)

    def line(self, text: str = "") -> None:
        """Write a line to stdout."""
        print_to(sys.stdout, text + "\n")

    @contextmanager
    def records(self, as_text: Callable[[Record], str]) -> Iterator["RecordWriter"]:
        """Open a writer of records. A file appears whole, at the end, or not at all.

        as_text: what --format text prints of a record, without the newline.
        If the work breaks off, what a file had so far stays beside it, in FILE.part.
        """
        if self.path is None:
            with self._writer(sys.stdout, as_text) as writer:
                yield writer
            return
        if _is_stream(self.path):
            with written(self.path) as file, self._writer(file, as_text) as writer:
                yield writer
            return
        target = Path(os.path.realpath(self.path))  # so that a link stays one
        aside = target.with_name(target.name + ".part")
        try:
            with written(aside) as file, self._writer(file, as_text) as writer:
                yield writer
        except BaseException:
            self._leave(aside)
            raise
        aside.replace(target)

    @contextmanager
    def _writer(self, file: TextIO, as_text: Callable[[Record], str]) -> Iterator["RecordWriter"]:
        writer = make_writer(self.format, file, as_text)
        yield writer
        left_out = writer.close()
        if left_out:
            self.note(f"[csv: no column for {', '.join(left_out)}, which later rows had]")

    def _leave(self, aside: Path) -> None:
        if aside.exists() and aside.stat().st_size == 0:
            aside.unlink()
        elif aside.exists():
            self.note(f"[broken off: what was done is in {aside}]")


def _is_stream(path: Path) -> bool:
    """True for a pipe or a device, /dev/stdout among them: to be written, never replaced."""
    return path.parts[:2] in (("/", "dev"), ("/", "proc")) or (path.exists() and not path.is_file())


@contextmanager
def written(path: Path) -> Iterator[TextIO]:
    """Open a text file for writing, and close it. Raises InputError where either fails."""
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    try:
        yield file
    except BaseException:
        with suppress(OSError):  # it would try to write once more what it could not
            file.close()
        raise
    try:
        file.close()
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


class RecordWriter(Protocol):
    """Writes records in one format."""

    def write(self, record: Record) -> None: ...

    def close(self) -> list[str]:
        """Write what comes after the last record; return the fields that had no place."""


def make_writer(form: Format, file: TextIO, as_text: Callable[[Record], str]) -> RecordWriter:
    """The writer of a format, on an open file."""
    if form == "json":
        return JsonArray(file)
    if form == "jsonl":
        return JsonLines(file)
    if form == "csv":
        return Csv(file)
    if form == "table":
        return Table()
    return Lines(file, as_text)


class Lines:
    """A line, or a few, for each record."""

    def __init__(self, file: TextIO, render: Callable[[Record], str]) -> None:
        self._file, self._render = file, render

    def write(self, record: Record) -> None:
        line = str(record) if isinstance(record, ErrorRecord) else self._render(record)
        print_to(self._file, line + "\n")

    def close(self) -> list[str]:
        return []


class JsonLines:
    """One object a line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, record: Record) -> None:
        print_to(self._file, json.dumps(record, ensure_ascii=False) + "\n")

    def close(self) -> list[str]:
        return []


class JsonArray:
    """All records as one array, whatever their number."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._before = file, "[\n"

    def write(self, record: Record) -> None:
        print_to(self._file, self._before + json.dumps(record, ensure_ascii=False, indent=2))
        self._before = ",\n"

    def close(self) -> list[str]:
        print_to(self._file, "[]\n" if self._before == "[\n" else "\n]\n")
        return []


class Csv:
    """A header from the first record that is no error, then a row each; lists as JSON."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: list[Record] = []  # errors that came before the header was known
        self._names: list[str] = []
        self._left_out: dict[str, None] = {}

    def write(self, record: Record) -> None:
        if self._names:
            self._row(record)
            return
        self._waiting.append(record)
        if not isinstance(record, ErrorRecord):
            self._begin()

    def close(self) -> list[str]:
        if self._waiting:
            self._begin()
        return list(self._left_out)

    def _begin(self) -> None:
        names = {name: None for record in reversed(self._waiting) for name in record}
        self._names = [*(name for name in names if name != "error"), "error"]
        self._print(self._names)
        for record in self._waiting:
            self._row(record)
        self._waiting = []

    def _row(self, record: Record) -> None:
        self._left_out |= {name: None for name in record if name not in self._names}
        self._print([_cell(record.get(name)) for name in self._names])

    def _print(self, cells: list[Any]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        print_to(self._file, line.getvalue())


class Table:
    """A table for a person, at the end."""

    def __init__(self) -> None:
        self._records: list[Record] = []

    def write(self, record: Record) -> None:
        self._records.append(record)

    def close(self) -> list[str]:
        if self._records:
            columns = list(self._records[0])
            rows = [[str(_cell(row.get(name))) for name in columns] for row in self._records]
            show_table(columns, rows)
        return []


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value


def show_table(
    columns: list[str], rows: list[list[str]], *, right: frozenset[str] = frozenset()
) -> None:
    """Print a table to stdout; columns named in `right` are aligned there."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    if sys.stdout.isatty():
        Console().print(table)
        return
    console = Console(width=10_000, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(table)
    print_to(sys.stdout, "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))


def quoted(token: str) -> str:
    """A token in quotes, so that its spaces are seen; not so bytes, which are in brackets."""
    return token if token.startswith("<") and token.endswith(">") else f"'{token}'"


def print_to(file: TextIO, text: str) -> None:
    """Write now, so that a reader at the other end of a pipe sees it. Raises InputError."""
    try:
        file.write(text)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"cannot write to {file.name}: {error.strerror}") from None


def human_size(size: int) -> str:
    """Bytes in decimal units, as disks are sold.

    >>> human_size(11_844_920)
    '11.8 MB'
    """
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
