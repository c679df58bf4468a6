"""What all commands on rows of text share: input, model, batches, output."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from llmcli.cli.error_limit import ErrorLimit
from llmcli.cli.file_names import missing_files
from llmcli.cli.inputs import only_text, rows_of
from llmcli.cli.output import CHOICES, Output
from llmcli.cli.progress import Progress
from llmcli.cli.records import Records
from llmcli.cli.run_identity import identity_of
from llmcli.cli.write_results import Display, Recorded, Run, Shown
from llmcli.data.formats import input_format
from llmcli.data.records import ERROR
from llmcli.data.results import columns_of
from llmcli.data.rows import Row
from llmcli.data.unchanged import InputChanged, Unchanged
from llmcli.spec import BatchOptions, InputOptions, ModelSpec

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded

TABLES = ("csv", "tsv")
Options = TypeVar("Options")
Task = Callable[["Loaded", Iterable[Row], Options, BatchOptions], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class RowCommand:
    """A command on rows of text, as its shared options describe it."""

    source: InputOptions
    model: ModelSpec
    out: Output
    batch: BatchOptions = field(default_factory=BatchOptions)
    show_code: bool = False
    """Print a script in place of the results."""
    context: str | None = None
    """A text that all results depend on, though it is not in the file."""

    @property
    def shows_results(self) -> bool:
        """True if TEXT was given or piped in, and its result is shown to a person."""
        return self.source.input is None and self.out.format == "text"

    def rows(self, pair: str | None = None) -> Iterator[Row]:
        """The texts, one after another, each with the second text `pair`, if there is one."""
        for name in missing_files(self.source.texts):
            self.out.note(f"{name} is taken as a text: there is no such file, and -i reads files")
        return rows_of(self.source, pair)

    def only_text(self) -> str:
        """The one text that --show-code is for. Raises click.UsageError if there are several."""
        return only_text(self.source)

    def write_code(self, code: str) -> None:
        """Write the script of --show-code."""
        with self.out.records(lambda record: str(record["code"]).rstrip("\n")) as writer:
            writer.write({"code": code})

    def load(self, load: Callable[..., "Loaded"], *settings: Any) -> "Loaded":
        """Load the model by a task's `load`, and report what was chosen.

        settings: what the task's `load` takes after the model.
        """
        with self.out.waiting(f"loading {self.model.model_id or 'the model'}"):
            loaded = load(self.model, *settings, work_bytes=self._work_bytes(), note=self.out.note)
        self.out.describe(loaded)
        self.out.note_typed(loaded.read_as_text(self.source.texts, fills=loaded.kind == "masked"))
        return loaded

    def _count(self) -> int | None:
        """How many rows there are; None if unknown."""
        if self.source.input is None:
            return len(self.source.texts) or 1
        return self.source.limit

    def _work_bytes(self) -> int | None:
        """How much of an input file is read; 0 if unknown, None if there is no file."""
        if self.source.input is None:
            return None
        if self.source.input == "-" or self.source.limit is not None:
            return 0
        try:
            return Path(self.source.input).stat().st_size
        except OSError:
            return 0

    @contextmanager
    def open_run(self, display: Display, loaded: "Loaded | None" = None) -> Iterator[Run]:
        """Open a run, whose results go where the output options say.

        loaded: the model; with it, a run from a file into a file can be resumed.
        Raises RowsFailed at the end if some rows failed.
        """
        out, errors = self.out, ErrorLimit(self.out.max_errors, self.source.input)
        source = Unchanged(self.source.input or "-")
        if display.show is not None and out.is_for_reading:
            progress = Progress(None if display.streams else out, limit=self._count())
            batch = replace(self.batch, on_progress=progress.advance)
            run = Run(batch, Shown(display.show, out), progress, errors)
            yield run
            source.require()
        else:
            identity = identity_of(self.source, loaded, self.context) if loaded else None
            with out.records(display.as_text, identity) as records, _noting_changes(records):
                run = self._run_into(records, errors)
                yield run
                source.require()
                if not run.progress.done.total and display.task is not None:
                    records.columns = self._columns(display.task)
        run.finish(out)

    def _run_into(self, records: Records, errors: ErrorLimit) -> Run:
        """A run whose results become records; it continues an interrupted one."""
        from llmcli.system import calibration  # help and usage errors do without it

        progress = Progress(self.out, limit=self._count(), done=records.done)
        seed = records.drawn.get("seed", self.batch.seed)
        choices = {made.contest: made.candidate for made in calibration.chosen()}
        records.remember({"seed": seed, CHOICES: choices})
        batch = replace(
            self.batch,
            after=records.after,
            seed=seed,
            on_progress=progress.advance,
            store=records.batches,
        )
        return Run(batch, Recorded(records, self.out.shows_texts), progress, errors)

    def _columns(self, task: Callable[..., Any]) -> tuple[str, ...]:
        """The columns of an output of a table without rows; none for other files.

        task: its annotation says what it yields: results or failures.
        """
        path = self.source.input
        if path in (None, "-") or input_format(path, self.source.input_format) not in TABLES:
            return ()
        from llmcli.data.readers.csv import header_of

        kind = get_args(get_args(get_type_hints(task)["return"])[0])[0]
        fields = dict.fromkeys(header_of(path, self.source), "")
        return (*columns_of(kind, Row(0, "", fields, columns=self.source.columns)), ERROR)

    def run(
        self,
        task: "Task[Options]",
        loaded: "Loaded",
        rows: Iterable[Row],
        options: Options,
        display: Display,
    ) -> None:
        """Run a task on rows and write its results. Raises RowsFailed if some rows failed."""
        with self.open_run(replace(display, task=task), loaded) as run:
            for result in run.follow(task(loaded, rows, options, run.batch)):
                run.write(result)


@contextmanager
def _noting_changes(records: Records) -> Iterator[None]:
    """Where the input changes while it is read, note that the rows so far may be wrong."""
    try:
        yield
    except InputChanged as error:
        if not error.has_same_size:
            records.forbid_resuming("the input was changed while it was read")
        raise
