"""Where the traces of generate go: below the texts, and into the page of --html."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmcli.cli.beam_view import search_lines
from llmcli.cli.colours import PLAIN, Stretch
from llmcli.cli.options.trace import TraceView
from llmcli.cli.output import Output
from llmcli.cli.output_path import is_stream, require_writable
from llmcli.cli.trace_view import trace_lines
from llmcli.data.records import Record
from llmcli.data.write_errors import whole_file
from llmcli.errors import InputError, RowsFailed
from llmcli.interpretability.language import choose_language
from llmcli.interpretability.trace_page import TracePage
from llmcli.interpretability.words import words

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded
    from llmcli.inference.continuations import Generation
    from llmcli.spec.explain import Language


class TraceOutput:
    """Shows the traces of one run in one language, which the first text decides."""

    def __init__(self, view: TraceView, out: Output) -> None:
        """Raises InputError where the page cannot be written."""
        self._out, self._language = out, view.language
        self._path = None if view.html is None else Path(view.html)
        self._page = TracePage()
        if self._path is not None:
            require_writable(self._path, "text")
            if is_stream(self._path):
                raise InputError(f"cannot write {self._path}: it is not a regular file")

    def begin(self, loaded: "Loaded") -> None:
        """Say which engine runs the model, if the other one was expected."""
        self._page.describe(loaded)
        if "trace" in loaded.engine_reason:
            self._out.note(f"--trace: torch runs the model, not ct2: {loaded.engine_reason}")

    def add(self, result: "Generation") -> None:
        """Add a text to the page."""
        if self._path is not None:
            self._choose(result.prompt)
            self._page.add(result)

    def show(self, record: Record) -> None:
        """Write a trace to stdout, below its text."""
        self._out.line()
        for line, style in self._lines(record):
            self._out.styled([(line, style), ("\n", PLAIN)])

    def as_text(self, record: Record) -> str:
        """A trace as plain text, with an empty line before and after it."""
        return "\n".join(["", *(line for line, _ in self._lines(record))])

    @contextmanager
    def page(self) -> Iterator[None]:
        """Write the page at the end of the run; rows that failed are not in it."""
        try:
            yield
        except RowsFailed:
            self._write()
            raise
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        text = self._page.html(self._choose())
        with whole_file(self._path) as file:
            file.write(text.encode())
        for note in self._page.notes("en"):
            self._out.note(note)
        self._out.say(f"wrote {self._path}")

    def _lines(self, record: Record) -> Iterator[Stretch]:
        """The trace in a record, with the tree of its search before it."""
        texts = words("trace")[self._choose(record["prompt"])]

        def say(key: str, **values: Any) -> str:
            return texts[key].format(**values)

        if "tree" in record:
            yield from search_lines(record["tree"], say)
            yield "", PLAIN
        yield from trace_lines(record["trace"], say)

    def _choose(self, text: str = "") -> "Language":
        """The language of the traces; text: the first one."""
        if self._language is None:
            self._language = choose_language(None, text, self._out.note)
        return self._language
