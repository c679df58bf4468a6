"""The only file that prints: results to stdout or a file, everything else to stderr."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, TextIO

import click

from llmcli.cli.flags import with_flags
from llmcli.data.formats import FILE_FORMATS, OUTPUT_SUFFIXES
from llmcli.data.readers.parquet import parquet_library
from llmcli.data.records import Record, print_to
from llmcli.data.resumable import Done, Identity, Part, write_errors_explained
from llmcli.data.writers import Layout, RecordWriter, open_writer
from llmcli.errors import InputError, UsageError
from llmcli.spec import FORMATS, Format, OutputOptions


class Records(Protocol):
    """Where the records of one run go."""

    after: int
    done: Done
    drawn: Identity

    def write(self, record: Record) -> None: ...

    def remember(self, drawn: Identity) -> None:
        """Keep what was drawn at random for a run that takes this one up."""


class Stream:
    """Records that go to stdout, a pipe or a device."""

    def __init__(self, writer: RecordWriter) -> None:
        self._writer = writer
        self.after = 0
        self.done = Done()
        self.drawn: Identity = {}

    def write(self, record: Record) -> None:
        self._writer.write(record)

    def remember(self, drawn: Identity) -> None: ...


class Output:
    """Where one command writes."""

    def __init__(self, spec: OutputOptions, forms: tuple[Format, ...] = FORMATS) -> None:
        """forms: the formats that the command knows."""
        self._forms = forms
        self.resume = spec.resume
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
        suffix = self.path.suffix.lower()
        if suffix not in OUTPUT_SUFFIXES:
            raise UsageError(f"--output {self.path}: name it {self._known()}, or give --format")
        return OUTPUT_SUFFIXES[suffix]

    def _known(self) -> str:
        return " ".join(suffix for suffix, form in OUTPUT_SUFFIXES.items() if form in self._forms)

    def _check_path(self) -> None:
        """Find out before any work whether the output file can be written."""
        if self.format not in self._forms:
            only = self.format == "npy"
            told = "only llmcli embed writes npy" if only else f"name it {self._known()}"
            raise UsageError(f"--output {self.path}: {told}")
        if self.path is None:
            if self.format in FILE_FORMATS:
                raise UsageError(f"--format {self.format} is for files: add --output FILE")
            return
        if self.format == "table":
            raise UsageError("--format table is for the terminal: leave out --output")
        if self.format == "parquet":
            parquet_library()
        if self.path.is_dir():
            raise InputError(f"cannot write {self.path}: it is a folder")
        if not self.path.parent.is_dir():
            raise InputError(f"cannot write {self.path}: there is no folder {self.path.parent}")
        if not os.access(self.path.parent, os.W_OK):
            raise InputError(f"cannot write {self.path}: no permission in {self.path.parent}")
        if self.format in FILE_FORMATS and _is_stream(self.path):
            raise InputError(f"cannot write {self.format} to {self.path}: it is no ordinary file")

    @property
    def is_for_reading(self) -> bool:
        """Results go to stdout as text, for a person: a table may take the place of records."""
        return self.path is None and self.format in ("text", "table")

    def note(self, line: str) -> None:
        """Report a choice that was made for the user."""
        if not self.quiet:
            click.echo(with_flags(line), err=True)

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

    def bars(self, chances: Sequence[tuple[str, float]], indent: str = "") -> None:
        """Write names with their scores to stdout, a bar behind each that is a probability."""
        width = max(len(name) for name, _ in chances)
        for name, score in chances:
            bar = "█" * round(20 * score) if 0 <= score <= 1 else ""
            self.line(f"{indent}{name:<{width}}  {score:.4f}  {bar}".rstrip())

    @contextmanager
    def records(
        self, as_text: Callable[[Record], str], run: Callable[[], Identity] | None = None
    ) -> Iterator[Records]:
        """Open a writer of records. A file appears whole, at the end, or not at all.

        as_text: what --format text prints of a record, without the newline.
        run: tells what makes this run the same as another; with it, what is left of a run that
        breaks off, in FILE.part, can be taken up by --resume.
        """
        if self.path is None:
            with self._stream(sys.stdout, as_text) as stream:
                yield stream
        elif _is_stream(self.path):
            with written(self.path) as file, self._stream(file, as_text) as stream:
                yield stream
        else:
            target = Path(os.path.realpath(self.path))  # so that a link stays one
            part = Part(target, run() if run is not None else None, self.resume)
            if self.resume:
                self._say_where(part)
            try:
                yield part
            except BaseException:
                self._leave(part)
                raise
            part.finish(self.format, as_text)

    @contextmanager
    def _stream(self, file: TextIO, as_text: Callable[[Record], str]) -> Iterator[Stream]:
        writer: RecordWriter
        if self.format == "table":
            from llmcli.cli.tables import Table

            writer = Table()
        else:
            writer = open_writer(self.format, file, Layout(as_text))
        yield Stream(writer)
        left_out = writer.close()
        if left_out:
            self.note(f"[csv: no column for {', '.join(left_out)}, which later rows had]")

    def _say_where(self, part: Part) -> None:
        if part.done.total:
            self.note(f"[going on after row {part.after}: {part.done.total:,} rows are done]")
        else:
            self.note("[nothing to resume: beginning with the first row]")

    def _leave(self, part: Part) -> None:
        if part.leave():
            how = "; the same command with --resume goes on" if part.can_be_resumed else ""
            self.note(f"[broken off: what was done is in {part.name}{how}]")


def _is_stream(path: Path) -> bool:
    """True for a pipe or a device, /dev/stdout among them: to be written, never replaced."""
    return path.parts[:2] in (("/", "dev"), ("/", "proc")) or (path.exists() and not path.is_file())


@contextmanager
def written(path: Path) -> Iterator[TextIO]:
    """Open a text file for writing, and close it. Raises InputError where either fails."""
    with write_errors_explained(path):
        file = path.open("w", encoding="utf-8", newline="")
    try:
        yield file
    except BaseException:
        with suppress(OSError):  # it would try to write once more what it could not
            file.close()
        raise
    with write_errors_explained(path):
        file.close()


def quoted(token: str) -> str:
    """A token in quotes, so that its spaces are seen; not so bytes, which are in brackets."""
    return token if token.startswith("<") and token.endswith(">") else f"'{token}'"


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
