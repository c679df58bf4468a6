"""One call of the API: its rows, its notes, and what it returns."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

from llmcli.api.inputs import Text, Texts, rows_of
from llmcli.data.results import Result, capped_note, overflow_note, unknown_note
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import UsageError

OnError = Literal["raise", "yield"]
"""What becomes of a text that fails: its error is raised, or a Failure yielded."""
R = TypeVar("R", bound=Result)

LOG = logging.getLogger("llmcli")
LOG.addHandler(logging.NullHandler())


class Notes:
    """The choices that were made for the user in one call, a line each; they are logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        """Keep and log a choice."""
        self.lines.append(line)
        LOG.info(line)

    def add_engine(self, loaded: Loaded) -> None:
        """Add why torch runs a model, if the faster engine could have been expected."""
        if loaded.engine_reason and loaded.engine_reason != "asked for":
            self.add(f"engine: torch, not ct2: {loaded.engine_reason}")


class Call:
    """A single text, whose result is returned or whose error is raised, or several."""

    def __init__(
        self,
        texts: Text | Texts,
        on_error: OnError = "raise",
        *,
        columns: Sequence[str] = ("text",),
        pair: str | None = None,
    ) -> None:
        """columns: the fields of mappings that hold the text, and its pair. pair: of all texts.

        Raises TypeError for what is neither a text nor an iterable, UsageError for an unknown
        `on_error`.
        """
        if on_error not in ("raise", "yield"):
            raise UsageError(f"`on_error` is 'raise' or 'yield', not {on_error!r}")
        if isinstance(texts, (bytes, bytearray)) or not isinstance(texts, (Iterable, Row)):
            raise TypeError(f"a text or an iterable of texts is needed, not {type(texts).__name__}")
        self.is_one = isinstance(texts, (str, Mapping, Row))
        self.rows: Iterator[Row]
        if isinstance(texts, (str, Mapping, Row)):
            self.rows = rows_of([texts], columns, pair)
        else:
            self.rows = rows_of(texts, columns, pair)
        self._on_error = on_error
        self.notes = Notes()

    @property
    def work_bytes(self) -> int | None:
        """The size of the texts, as the choice of an engine takes it: unknown if they are many."""
        return None if self.is_one else 0

    def require_one_result(self, count: int) -> None:
        """Raise UsageError if a single text is to give several results."""
        if self.is_one and count > 1:
            raise UsageError(
                f"`num_return_sequences` {count} gives several results: pass the text in a list"
            )

    def returned(self, results: Iterable[R | Failure]) -> R | Iterator[R | Failure]:
        """What the call returns: the result of a single text, or an iterator of results."""
        if not self.is_one:
            return self.followed(results)
        (result,) = results
        if isinstance(result, Failure):
            raise result.cause
        return self.noted(result)

    def followed(self, results: Iterable[R | Failure]) -> Iterator[R | Failure]:
        """Yield results with their notes; yield failures, or raise the first one's error."""
        for result in results:
            if not isinstance(result, Failure):
                yield self.noted(result)
            elif self._on_error == "yield":
                yield result
            else:
                where = f"row {result.row.number}"
                raise type(result.cause)(f"{where}: {result.error}") from result.cause

    def noted(self, result: R) -> R:
        """A result with the notes of the call and its own: the text was too long, or unknown."""
        overflow = getattr(result, "overflow", None)
        notes = [*self.notes.lines, *result.notes]
        if overflow is not None:
            notes.append(overflow_note(overflow))
            LOG.info("row %d: %s", result.row.number, notes[-1])
        if getattr(result, "capped", None) is not None:
            notes.append(capped_note())
            LOG.info("row %d: %s", result.row.number, notes[-1])
        if result.unknown is not None:
            notes.append(unknown_note(result.unknown))
            LOG.info("row %d: %s", result.row.number, notes[-1])
        return replace(result, notes=tuple(notes))
