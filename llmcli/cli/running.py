"""What the commands that work on rows of text share."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from llmcli.cli.options import STARTER
from llmcli.cli.output import ErrorRecord, Output, Record
from llmcli.core.data import Failure, Row
from llmcli.errors import InputError, RowsFailed
from llmcli.spec import ModelSpec

if TYPE_CHECKING:
    from llmcli.core.loading import Loaded


def announce_default(spec: ModelSpec, out: Output) -> None:
    """Say that the starter was taken, where nobody asked for it."""
    context = click.get_current_context()
    chosen = context.get_parameter_source("model_id")
    if chosen is ParameterSource.DEFAULT and spec.model_id == STARTER:
        out.note(f"[{STARTER}: a small model of children's stories; -m gpt2 takes a full-size one]")


def announce_loaded(loaded: "Loaded", out: Output) -> None:
    """Say where a model lies and how it runs, if -v asks."""
    out.detail(f"model: {loaded.checkpoint.path}; running on {loaded.placement.reason}")


def record_of(result: Any) -> Record:
    """A result as a record: the other fields of its row, its number, then its own fields.

    A field of the row that the result has too is kept as `input_...`; the text itself is not,
    for the result has it.
    """
    own = asdict(result)
    row: Row = result.row
    own["row"] = row.number
    return {**_kept(row, own), **own}


def _kept(row: Row, own: Record) -> Record:
    others = {key: value for key, value in row.fields.items() if key not in own}
    clashing = {
        f"input_{key}": value
        for key, value in row.fields.items()
        if key in own and value not in (row.text, own[key])
    }
    return {**others, **clashing}


def write_code(code: str, out: Output) -> None:
    """Write the script of --show-code."""
    with out.records(lambda record: str(record["code"]).rstrip("\n")) as writer:
        writer.write({"code": code})


class Tally:
    """Counts the rows of a run, and those that failed."""

    def __init__(self, is_file: bool) -> None:
        self._is_file = is_file
        self._total = self._failed = 0
        self._last: int | None = None

    def successes(
        self, results: Iterable[Any], on_failure: Callable[[ErrorRecord], None]
    ) -> Iterator[Any]:
        """Yield the results that are none; hand the others on, as error records.

        Raises InputError for a failure where the text did not come from a file.
        """
        for result in results:
            self._total += result.row.number != self._last
            self._last = result.row.number
            if not isinstance(result, Failure):
                yield result
                continue
            if not self._is_file:
                raise InputError(result.error)
            self._failed += 1
            own = {"row": result.row.number, "error": result.error}
            on_failure(ErrorRecord({**_kept(result.row, own), **own}))

    def write(
        self,
        results: Iterable[Any],
        out: Output,
        *,
        show: Callable[[Any, Output], None] | None,
        as_text: Callable[[Record], str],
    ) -> None:
        """Write all results: by `show` where a person reads and it is given, else as records."""
        if show is not None and out.is_for_reading:
            for result in self.successes(results, lambda error: out.note(str(error))):
                show(result, out)
        else:
            with out.records(as_text) as writer:
                for result in self.successes(results, writer.write):
                    writer.write(record_of(result))
        self.check()

    def check(self) -> None:
        """Raise RowsFailed if some rows did."""
        if self._failed:
            raise RowsFailed(self._failed, self._total)
