"""What the commands that work on rows of text share."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from llmcli import __version__
from llmcli.cli.flags import with_flags
from llmcli.cli.options import ENCODER, STARTER, TRANSLATOR
from llmcli.cli.output import Output
from llmcli.cli.progress import Progress
from llmcli.data.records import ERROR, Record, text_of
from llmcli.data.results import OVERFLOW_WORDS, plain
from llmcli.data.resumable import Done, Identity
from llmcli.data.rows import Failure
from llmcli.errors import RowsFailed
from llmcli.spec import BatchOptions, InputOptions, ModelSpec, Overflow

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded
    from llmcli.models.architectures import Kind

STARTERS = {
    STARTER: "a small model of children's stories",
    ENCODER: "a small model of English",
    TRANSLATOR: "a small model for short sentences",
}
LARGER = {
    "answer": "distilbert/distilbert-base-cased-distilled-squad",
    "classify": "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    "embed": "sentence-transformers/all-MiniLM-L6-v2",
    "fill": "google-bert/bert-base-uncased",
    "translate": "Helsinki-NLP/opus-mt-FROM-TO",
}


def is_default_model() -> bool:
    """True where nobody named a model: not the user, a variable or a file."""
    context = click.get_current_context()
    return context.get_parameter_source("model_id") is ParameterSource.DEFAULT


def is_named_here() -> bool:
    """True where the command line itself names a model."""
    context = click.get_current_context()
    return context.get_parameter_source("model_id") is ParameterSource.COMMANDLINE


def announce_default(model: ModelSpec, out: Output, command: str | None = None) -> None:
    """Say which model was taken, where nobody asked for it.

    command: whose task it is for; None: the one that runs.
    """
    if not is_default_model():
        return
    if model.model_id in STARTERS:
        larger = LARGER.get(command or click.get_current_context().info_name or "", "gpt2")
        out.note(
            f"[{model.model_id}: {STARTERS[model.model_id]}; -m {larger} takes a full-size one]"
        )
    else:
        out.note(f"[{model.model_id}: the model that is taken unless -m names another]")


def announce_loaded(loaded: "Loaded", out: Output) -> None:
    """Say where a model lies and how it runs, if -v asks."""
    out.detail(f"model: {loaded.checkpoint.path}; running on {loaded.placement.reason}")
    if loaded.engine_reason:
        out.detail(f"engine: {loaded.engine.name}, not ct2: {loaded.engine_reason}")


def load_announced(
    model: ModelSpec, out: Output, *kinds: "Kind", source: InputOptions, **more: Any
) -> "Loaded":
    """Load a model for a task, saying which one was taken and how it runs.

    As `load_for` does.
    """
    announce_default(model, out)
    return load_for(model, out, *kinds, source=source, **more)


def load_for(
    model: ModelSpec,
    out: Output,
    *kinds: "Kind",
    source: InputOptions,
    **generation: Any,
) -> "Loaded":
    """Load a model for a task, saying how it runs.

    kinds: what it may be; none: any, without its head. source: the texts. generation: the fields
    `decoding` and `decoding_of` of a Purpose.
    """
    from llmcli.engines.choose import Purpose, load

    loaded = load(
        model,
        Purpose(kinds, _file_bytes(source), **generation),
        lambda line: out.note(f"[{line}]"),
    )
    announce_loaded(loaded, out)
    return loaded


def _file_bytes(source: InputOptions) -> int | None:
    """How much is read of an input file, 0 where it cannot be told; None where there is no file."""
    if source.input is None:
        return None
    if source.input == "-" or source.limit is not None:
        return 0
    try:
        return Path(source.input).stat().st_size
    except OSError:
        return 0


def error_record(failure: Failure) -> Record:
    """What a row that failed is written as: its other fields, its number and the error."""
    return failure.to_dict() | {ERROR: with_flags(failure.error)}


def write_code(code: str, out: Output) -> None:
    """Write the script of --show-code."""
    with out.records(lambda record: str(record["code"]).rstrip("\n")) as writer:
        writer.write({"code": code})


class Tally:
    """Counts the rows of a run, those that failed, and those that were too long."""

    def __init__(self, is_file: bool, done: Done | None = None) -> None:
        self.done = done or Done()
        self._is_file = is_file
        self._last: int | None = None

    def count(self, results: Iterable[Any]) -> Iterator[Any]:
        """Pass results on, and count their rows."""
        for result in results:
            if result.row.number != self._last:
                self._last = result.row.number
                self.done.total += 1
                self.done.failed += isinstance(result, Failure)
                self.done.overflowed += getattr(result, "overflow", None) is not None
            yield result

    def successes(
        self, results: Iterable[Any], on_failure: Callable[[Record], None]
    ) -> Iterator[Any]:
        """Yield the results that are none; hand the others on, as error records.

        Raises the error of a failure where the text did not come from a file.
        """
        for result in results:
            if not isinstance(result, Failure):
                yield result
            elif self._is_file:
                on_failure(error_record(result))
            else:
                raise result.cause

    def check(self, out: Output, on_overflow: Overflow | None = None) -> None:
        """Say how many texts were too long; raise RowsFailed if some rows failed."""
        if self.done.overflowed and on_overflow is not None:
            rows = f"{self.done.overflowed:,} of {self.done.total:,} texts"
            out.note(
                f"[{rows} were longer than the model takes: {OVERFLOW_WORDS[on_overflow]} "
                f"(--on-overflow {on_overflow})]"
            )
        if self.done.failed:
            raise RowsFailed(self.done.failed, self.done.total)


Watch = Callable[[Iterable[Any]], Iterator[Any]]
"""Counts results, and shows how far the run is, while they pass."""


def write_results(
    start: Callable[[BatchOptions, Watch], Iterable[Any]],
    source: InputOptions,
    out: Output,
    batch: BatchOptions,
    *,
    as_text: Callable[[Record], str],
    show: Callable[[Any, Output], None] | None = None,
    loaded: "Loaded | None" = None,
    context: str | None = None,
) -> None:
    """Run a task on its rows and write what it yields, as records or, for a person, by `show`.

    start: begins the task; the rows that a run before has done are named by its first argument,
    and what comes of the others is to go through its second.
    loaded: the model; with it, a file's run into a file can be resumed. context: a text that
    belongs to the input, though it is not in the file.
    Raises RowsFailed at the end if some rows failed.
    """
    is_file = source.input is not None
    if show is not None and out.is_for_reading:
        tally = Tally(is_file)
        progress = Progress(quiet=out.quiet, limit=source.limit)
        results = start(batch, lambda found: progress.count(tally.count(found)))
        for result in tally.successes(results, lambda error: out.note(text_of(error, str))):
            show(result, out)
    else:
        run = None
        if loaded is not None and is_file and source.input != "-":
            run = _identity(source, loaded, context)
        with out.records(as_text, run) as writer:
            tally = Tally(is_file, writer.done)
            progress = Progress(quiet=out.quiet, limit=source.limit, before=writer.done.total)
            batch = replace(batch, after=writer.after, seed=writer.drawn.get("seed", batch.seed))
            writer.remember({"seed": batch.seed})
            results = start(batch, lambda found: progress.count(tally.count(found)))
            for result in tally.successes(results, writer.write):
                writer.write(result.to_dict())
    tally.check(out, batch.on_overflow)


# What a result may depend on, by engine.
LIBRARIES = {
    "torch": ("torch", "transformers", "tokenizers"),
    "ct2": ("ctranslate2", "tokenizers"),
}
# Options that change nothing about the results.
INDIFFERENT = (
    *("output", "quiet", "verbose", "resume", "offline", "as_json", "format", "input"),
    "engine",  # what ran it is told by itself
)


def _identity(
    source: InputOptions, loaded: "Loaded", context: str | None
) -> Callable[[], Identity]:
    """What makes a run the same as another: command, settings, versions, input and model."""

    def identity() -> Identity:
        from importlib.metadata import version

        from llmcli.models.hub import fingerprint
        from llmcli.system.hashes import hash_file

        command = click.get_current_context()
        settings = {
            _flag(param): command.params.get(str(param.name))
            for param in command.command.params
            if param.name not in INDIFFERENT and param.expose_value
        }
        libraries = [f"{name} {version(name)}" for name in LIBRARIES[loaded.engine.name]]
        place = loaded.placement
        return {
            "llmcli": f"{command.info_name} {__version__}",
            "libraries": ", ".join(libraries),
            "device": f"{place.device} {place.dtype}",
            "input": hash_file(Path(str(source.input))),
            "context": context and hashlib.sha256(context.encode()).hexdigest(),
            "model": fingerprint(loaded.checkpoint),
            **{name: plain(value) for name, value in settings.items()},
        }

    return identity


def _flag(param: click.Parameter) -> str:
    return max(param.opts, key=len) if isinstance(param, click.Option) else str(param.name)
