"""The only file that prints: results to stdout or a file, everything else to stderr."""

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

import click

from llmcli.errors import InputError, UsageError
from llmcli.spec import Format, OutputSpec

Record = dict[str, Any]
BY_SUFFIX: dict[str, Format] = {".txt": "text", ".json": "json", ".jsonl": "jsonl", ".csv": "csv"}


class Output:
    """Where one command writes."""

    def __init__(self, spec: OutputSpec) -> None:
        self.path = None if spec.output in (None, "-") else Path(str(spec.output))
        self.format: Format = spec.format or self._format_of_path()
        self.quiet = spec.quiet
        self.verbose = spec.verbose
        if spec.quiet:  # read by huggingface_hub, which is imported later
            os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
        if self.path is not None and self.format == "table":
            raise UsageError("--format table is for the terminal: leave out --output")

    def _format_of_path(self) -> Format:
        if self.path is None:
            return "text"
        if self.path.suffix not in BY_SUFFIX:
            known = " ".join(BY_SUFFIX)
            raise UsageError(f"--output {self.path}: name it {known}, or give --format")
        return BY_SUFFIX[self.path.suffix]

    @property
    def is_terminal(self) -> bool:
        """Results go to a person's screen, so that colour is welcome."""
        return self.path is None and sys.stdout.isatty()

    def note(self, line: str) -> None:
        """Say something that was decided for the user."""
        if not self.quiet:
            click.echo(line, err=True)

    def detail(self, line: str) -> None:
        """Say it only if -v asks."""
        if self.verbose:
            self.note(line)

    def text(self, text: str, *, dim: bool = False) -> None:
        """Write a stretch of text at once, for streaming."""
        click.echo(click.style(text, dim=True) if dim and self.is_terminal else text, nl=False)

    @contextmanager
    def records(self, as_text: Callable[[Record], str]) -> Iterator["RecordWriter"]:
        """Open a writer of records. A file appears whole, at the end, or not at all.

        as_text: what --format text prints of a record, without the newline.
        If Ctrl-C comes, what a file had so far stays beside it, in FILE.part.
        """
        if self.path is None:
            writer = make_writer(self.format, sys.stdout, as_text)
            yield writer
            writer.close()
            return
        aside = self.path.with_name(self.path.name + ".part")
        try:
            file = aside.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror}") from None
        try:
            with file:
                writer = make_writer(self.format, file, as_text)
                yield writer
                writer.close()
            aside.replace(self.path)
        except KeyboardInterrupt:
            self.note(f"\ninterrupted: what was done is in {aside}")
            raise
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise InputError(f"cannot write {self.path}: {error.strerror}") from None
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


class RecordWriter(Protocol):
    """Writes records in one format."""

    def write(self, record: Record) -> None: ...

    def close(self) -> None:
        """Write what comes after the last record."""


def make_writer(form: Format, file: TextIO, as_text: Callable[[Record], str]) -> RecordWriter:
    """The writer of a format, on an open file."""
    if form == "json":
        return JsonArray(file)
    if form == "jsonl":
        return Lines(file, lambda record: json.dumps(record, ensure_ascii=False))
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
        print_to(self._file, self._render(record) + "\n")

    def close(self) -> None:
        pass


class JsonArray:
    """All records as one array, whatever their number."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._before = file, "[\n"

    def write(self, record: Record) -> None:
        print_to(self._file, self._before + json.dumps(record, ensure_ascii=False, indent=2))
        self._before = ",\n"

    def close(self) -> None:
        print_to(self._file, "[]\n" if self._before == "[\n" else "\n]\n")


class Csv:
    """A header from the first record, then a row for each; lists and objects as JSON."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._writer: csv.DictWriter[str] | None = None

    def write(self, record: Record) -> None:
        if self._writer is None:
            names = [*record, *(name for name in ("error",) if name not in record)]
            self._writer = csv.DictWriter(self._file, names, extrasaction="ignore", restval="")
            self._writer.writeheader()
        self._writer.writerow({key: _cell(value) for key, value in record.items()})
        self._file.flush()

    def close(self) -> None:
        self._file.flush()


class Table:
    """A table for a person, at the end."""

    def __init__(self) -> None:
        self._records: list[Record] = []

    def write(self, record: Record) -> None:
        self._records.append(record)

    def close(self) -> None:
        if self._records:
            columns = list(self._records[0])
            rows = [[str(_cell(row.get(name))) for name in columns] for row in self._records]
            show_table(columns, rows)


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


def print_to(file: TextIO, text: str) -> None:
    """Write now, so that a reader at the other end of a pipe sees it."""
    file.write(text)
    file.flush()


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
