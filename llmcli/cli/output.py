"""Where a command writes: results to stdout or a file, everything else to stderr."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from llmcli.cli.chosen_fields import ChoosingWriter, ChosenFields
from llmcli.cli.colours import PLAIN, Stretch, print_styled
from llmcli.cli.flags import with_flags
from llmcli.cli.output_path import is_stream, require_writable, written
from llmcli.cli.records import CheckedRecords, Records, Stream
from llmcli.data.formats import FILE_FORMATS, OUTPUT_SUFFIXES
from llmcli.data.records import Record, Render, print_to
from llmcli.data.writers import Layout, RecordWriter, open_writer
from llmcli.errors import UsageError
from llmcli.spec import FORMATS, Format, OutputOptions
from llmcli.system import signals
from llmcli.system.terminal import own_channel

if TYPE_CHECKING:
    from llmcli.data.resumable_output import Part
    from llmcli.data.run_journal import Identity
    from llmcli.engines.base import Loaded

CHOICES = "choices"  # the key of what was chosen by measuring, in a journal
PATIENCE = 0.5  # seconds without a sign
CLEAR = "\r\x1b[K"  # moves to the start of the line and empties it


class Output:
    """Where one command writes."""

    def __init__(self, options: OutputOptions, forms: tuple[Format, ...] = FORMATS) -> None:
        """forms: the formats that the command knows.

        Raises UsageError, or InputError if the output file cannot be written.
        """
        self._forms = forms
        self.resume = options.resume
        self._restart = options.restart
        self._fields = options.fields
        self.max_errors = options.max_errors
        self.path = None if options.output in (None, "-") else Path(str(options.output))
        self.format: Format = options.format or self._format_of_path()
        self.quiet = options.quiet
        self.verbose = options.verbose
        self.about: Record = {}
        """How the records are made, for a format that can keep it."""
        self._has_open_line = False
        self._waiting_for = ""
        if options.quiet:  # read by huggingface_hub, which is imported later
            os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
        self._check_format()
        if self.path is not None:
            require_writable(self.path, self.format)
            self._check_part(self.path, options)

    def _format_of_path(self) -> Format:
        if self.path is None:
            return "text"
        suffix = self.path.suffix.lower()
        if suffix not in OUTPUT_SUFFIXES:
            raise UsageError(f"--output {self.path}: name it {self._known()}, or give --format")
        return OUTPUT_SUFFIXES[suffix]

    def _known(self) -> str:
        return " ".join(suffix for suffix, form in OUTPUT_SUFFIXES.items() if form in self._forms)

    def _check_format(self) -> None:
        if self.format not in self._forms:
            is_array = self.format == "npy"
            cure = "only llmcli embed writes npy" if is_array else f"name it {self._known()}"
            raise UsageError(f"--output {self.path}: {cure}")
        if self._fields and self.format == "npy":
            raise UsageError("--fields is for records: an array holds the vectors alone")
        if self.path is None and self.format in FILE_FORMATS:
            raise UsageError(f"--format {self.format} is for files: add --output FILE")
        if self.path is not None and self.format == "table":
            raise UsageError("--format table is for the terminal: leave out --output")
        if self.format == "parquet":
            from llmcli.data.readers.parquet import parquet_library

            parquet_library()

    def _check_part(self, path: Path, options: OutputOptions) -> None:
        """Find out before any work whether it would drop the rows of an earlier run."""
        if not is_stream(path):
            from llmcli.data.part_files import drawn_of, require_no_rows
            from llmcli.system import calibration

            target = Path(os.path.realpath(path))
            require_no_rows(target, options.restart, options.can_resume, resume=options.resume)
            calibration.resume(drawn_of(target).get(CHOICES, {}) if options.resume else {})

    @property
    def is_for_reading(self) -> bool:
        """Results go to stdout as text, for a person: a table may take the place of records."""
        return self.path is None and self.format in ("text", "table") and not self._fields

    @property
    def shows_texts(self) -> bool:
        """Records are written as text, or in fields of the user's choice: all are needed."""
        return self.format == "text" or bool(self._fields)

    def has_field(self, name: str) -> bool:
        """True if --fields does not leave out a field of the records."""
        return not self._fields or name in self._fields

    @property
    def is_live(self) -> bool:
        """Progress is shown in a line that changes: on a terminal, unless -q is given."""
        return not self.quiet and sys.stderr is not None and sys.stderr.isatty()

    def say(self, line: str) -> None:
        """Write a line to stderr, unless -q asks for results alone."""
        if not self.quiet:
            was_waiting = self._has_open_line and self._waiting_for
            self.clear_status()
            click.echo(with_flags(line), err=True)
            if was_waiting:
                self.status(self._waiting_for, stays=False)

    def warn(self, text: str) -> None:
        """Write to stderr even with -q; empty text writes nothing."""
        if text:
            self.end_status()
            click.echo(text.removesuffix("\n"), err=True)

    def status(self, line: str, *, stays: bool = True) -> None:
        """Write a line of progress to stderr.

        stays: on a terminal, the next such line does not replace it.
        """
        if self.quiet:
            return
        is_live = self.is_live
        if is_live:
            _clear_line()
        click.echo(line, nl=stays or not is_live, err=True)
        self._has_open_line = is_live and not stays

    def clear_status(self) -> None:
        """Remove a line of progress that the next one would replace."""
        if self._has_open_line:
            _clear_line()
            self._has_open_line = False

    def end_status(self) -> None:
        """Begin a new line if a line of progress would be overwritten."""
        if self._has_open_line:
            click.echo(err=True)
            self._has_open_line = False

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show on a terminal what takes more than half a second, in a line that disappears."""
        if not self.is_live:
            yield
            return
        self._waiting_for = f"{what} ..."
        timer = threading.Timer(PATIENCE, self.status, (self._waiting_for,), {"stays": False})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            self._waiting_for = ""
            self.clear_status()

    def note(self, line: str) -> None:
        """Report, in brackets, a choice that was made for the user."""
        self.say(f"[{line}]")

    def note_typed(self, tokens: Sequence[str]) -> None:
        """Report special tokens that were typed in a text and are read as text."""
        if tokens:
            self.note(
                f"{', '.join(tokens)}: read as text, as typed; --allow-special reads special tokens"
            )

    def detail(self, line: str) -> None:
        """Write a line to stderr if -v asks for it."""
        if self.verbose:
            self.say(line)

    def describe(self, loaded: "Loaded") -> None:
        """Report where a model comes from and how it runs, if -v asks for it."""
        self.detail(f"model: {loaded.checkpoint.path}; running on {loaded.placement.reason}")
        if loaded.engine_reason:
            self.detail(f"engine: {loaded.engine.name}, not ct2: {loaded.engine_reason}")
        if self.verbose:
            from llmcli.system import calibration

            for made in calibration.chosen():
                self.detail(f"chosen: {made}")

    def text(self, text: str, *, dim: bool = False) -> None:
        """Write a stretch of text to stdout at once, for streaming."""
        print_styled(sys.stdout, [(text, {"dim": True} if dim else PLAIN)])

    def line(self, text: str = "") -> None:
        """Write a line to stdout."""
        print_to(sys.stdout, text + "\n")

    def styled(self, parts: Iterable[Stretch]) -> None:
        """Write text in colours to stdout; a newline is one of the parts."""
        print_styled(sys.stdout, parts)

    def bars(self, scores: Sequence[tuple[str, float]], indent: str = "") -> None:
        """Write names with their scores to stdout, and a bar for each that is a probability."""
        from llmcli.cli.plain_tables import probability

        width = max(len(name) for name, _ in scores)
        for name, score in scores:
            bar = "█" * round(20 * score) if 0 <= score <= 1 else ""
            self.line(f"{indent}{name:<{width}}  {probability(score)}  {bar}".rstrip())

    @contextmanager
    def records(
        self, as_text: Render, identity: "Callable[[], Identity] | None" = None
    ) -> Iterator[Records]:
        """Open a writer of records. A file appears complete, at the end, or not at all.

        as_text: the text of a record for --format text, without the newline.
        identity: computes what makes this run the same as another; with it, an interrupted run
        leaves its results in FILE.part, and --resume can continue it.
        """
        chosen = ChosenFields(self._fields, self.format) if self._fields else None
        if self.path is None:
            with self._stream(sys.stdout, as_text, chosen) as stream:
                yield stream
        elif is_stream(self.path):
            with written(self.path) as file, self._stream(file, as_text, chosen) as stream:
                yield stream
        else:
            from llmcli.data.resumable_output import Part

            target = Path(os.path.realpath(self.path))  # so that a link stays one
            run = identity() if identity is not None else None
            part = Part(target, run, self.resume, restart=self._restart)
            if self.resume:
                self._note_progress(part)
            try:
                with signals.last_words(lambda: self._last_words(part)):
                    yield part if chosen is None else CheckedRecords(part, chosen)
                if chosen is not None and self.format == "text":
                    part.finish(self.format, chosen.text, self.about)
                else:
                    part.finish(self.format, as_text, self.about, chosen)
            except BaseException:
                self._leave(part)
                raise

    @contextmanager
    def _stream(
        self, file: TextIO, as_text: Render, chosen: ChosenFields | None
    ) -> Iterator[Records]:
        writer: RecordWriter
        if self.format == "table":
            from llmcli.cli.tables import Table

            writer = Table()
        else:
            writer = open_writer(
                self.format, file, Layout(chosen.text if chosen else as_text, self._fields)
            )
        if chosen is None:
            yield Stream(writer)
        elif self.format == "text":
            yield CheckedRecords(Stream(writer), chosen)
        else:
            writer = ChoosingWriter(writer, chosen)
            yield Stream(writer)
        left_out = writer.close()
        if left_out:
            self.note(f"csv: no column for {', '.join(left_out)}, which only later rows have")

    def _note_progress(self, part: "Part") -> None:
        if part.distrusted:
            self.note(
                f"{part.name} was changed by another program, or lost a part: what cannot be "
                "trusted is computed again"
            )
        if part.done.total:
            self.note(f"continuing after row {part.after}: {part.done.total:,} rows are done")
        else:
            self.note("nothing to resume: starting with the first row")

    def _leave(self, part: "Part") -> None:
        if part.leave():
            self.note(_interrupted(part))

    def _last_words(self, part: "Part") -> str:
        """What is printed where the process must end before it could leave the part."""
        return f"[{_interrupted(part)}]" if part.holds_work and not self.quiet else ""


def _interrupted(part: "Part") -> str:
    cure = "; the same command with --resume continues" if part.can_be_resumed else ""
    return f"interrupted: the results so far are in {part.name}{cure}"


def _clear_line() -> None:
    click.echo(CLEAR, nl=False, file=own_channel(sys.stderr))


def quoted(token: str) -> str:
    """A token in quotes, to make its spaces visible; bytes, which are in brackets, as they are."""
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
