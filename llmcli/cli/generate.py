"""llmcli generate: the continuation of a text, or of each row of a file."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from llmcli.cli.command import Command
from llmcli.cli.options.decoding import chat_options, decoding_options, prompt_option
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import model_options
from llmcli.cli.options.rows import row_options
from llmcli.cli.options.trace import TraceView, trace_options
from llmcli.cli.output import Output
from llmcli.cli.row_command import RowCommand
from llmcli.cli.write_results import Display
from llmcli.data.records import Record
from llmcli.errors import UsageError
from llmcli.spec import Chat, Decoding

if TYPE_CHECKING:
    from llmcli.cli.trace_output import TraceOutput
    from llmcli.data.rows import Failure, Row
    from llmcli.engines.base import Loaded
    from llmcli.inference.continuations import Generation
    from llmcli.inference.generation import Chunk


@click.command(cls=Command)
@input_options()
@prompt_option
@model_options()
@decoding_options
@trace_options
@chat_options
@row_options("error", choices=("error", "truncate"))
@click.option(
    "--echo/--no-echo",
    default=None,
    help="Print the prompt before its continuation.  [default: unless it is a chat]",
)
def generate(
    command: RowCommand, decoding: Decoding, chat: Chat, view: TraceView, echo: bool | None
) -> None:
    """Continue TEXT with a causal language model.

    Decoding is greedy: the most likely token at each step. --temperature, --top-k, --top-p and
    --min-p turn sampling on. Text appears while it is generated. Each TEXT is a prompt of its own,
    so put quotes around text with spaces; in a file, each row is a prompt. An empty prompt starts a
    new text.

    \b
      llmcli generate "Once upon a time" --temperature 0.8 --seed 1
      llmcli generate -m HuggingFaceTB/SmolLM2-135M-Instruct --chat "What is a token?"
      llmcli generate -i prompts.jsonl --column prompt -n 50 -o answers.jsonl
      llmcli generate "Once upon a time" -n 8 --top-p 0.9 --trace --html trace.html
      echo "One day" | llmcli generate -q --num-beams 4
    """
    if decoding.trace:
        _check_trace(command, view)
    if command.show_code:
        prompt = command.only_text()
        from llmcli.tasks.show_code.generate import generate_code

        command.write_code(generate_code(command.model, decoding, chat, prompt))
        return
    if decoding.logprobs and command.out.format == "text":
        raise UsageError("--logprobs goes with --json, or another format for programs")
    screen = _Screen(command.out, echo=not chat.is_on if echo is None else echo)
    if decoding.trace:
        from llmcli.cli.trace_output import TraceOutput

        screen.trace = TraceOutput(view, command.out)
    _generate(command, decoding, chat, screen)
    if screen.seed is not None and decoding.seed is None:
        command.out.note(f"seed {screen.seed}")


def _check_trace(command: RowCommand, view: TraceView) -> None:
    """Raise UsageError where nothing would show the trace, or not in a language."""
    out = command.out
    if command.show_code:
        raise UsageError("--show-code has no --trace: the script prints the text alone")
    if view.html is not None and out.resume:
        raise UsageError("--html shows all rows of one run: leave out --resume")
    if view.html is None and view.language is not None and out.format != "text":
        raise UsageError("--lang is for a terminal and --html: --format has no language")
    if view.html is not None or (out.has_field("trace") and out.path is None):
        return
    if out.format == "text" and out.path is not None:
        raise UsageError(f"--trace does not go into {out.path}: name it .jsonl, or add --html FILE")
    if not out.has_field("trace"):
        raise UsageError("--fields leaves out trace: add it, or leave out --trace")


def _generate(command: RowCommand, decoding: Decoding, chat: Chat, screen: "_Screen") -> None:
    """Continue each row and write the results; what a person reads, while it is generated."""
    rows = command.rows()
    from llmcli.tasks.generate import check_options, generate, load, stream, with_seed

    check_options(decoding, chat, command.batch)
    loaded = command.load(load, decoding, chat)
    if screen.trace is not None:
        screen.trace.begin(loaded)
    draft = _load_draft(command, decoding)
    command = replace(command, batch=replace(command.batch, seed=with_seed(decoding).seed))
    out = command.out
    is_shown = command.shows_results and out.path is None
    streams = is_shown and decoding.num_return_sequences == 1
    display = Display(screen.as_text, screen.end if streams else None, streams, generate)
    with screen.page(), command.open_run(display, loaded) as run:
        task = stream if streams else generate
        events = task(loaded, rows, decoding, chat, run.batch, draft)
        for result in run.follow(screen.written(events)):
            screen.count(result)
            run.write(result)
    if decoding.drafter and not streams:
        out.detail(f"all texts: {_rate(screen.new_tokens, screen.passes)}")


def _load_draft(command: RowCommand, decoding: Decoding) -> "Loaded | None":
    """Load the smaller model that --assist names, if it names one, and report it."""
    from llmcli.tasks.generate import load_draft

    if decoding.drafter is not None:
        command.out.detail(f"assisted by {decoding.drafter}: texts are continued one by one")
    draft = load_draft(command.model, decoding)
    if draft is not None:
        command.out.describe(draft)
    return draft


@dataclass
class _Screen:
    """Shows generations, either while they grow or each when it is done."""

    out: Output
    echo: bool
    seed: int | None = None
    """Of the generations so far."""
    new_tokens: int = 0
    passes: int = 0
    """Passes of the model, with --assist."""
    is_open: bool = False
    """A line was begun and not ended."""
    trace: "TraceOutput | None" = None
    """Shows how each token was chosen."""

    def page(self) -> AbstractContextManager[None]:
        """Writes the page of --html when the run ends, if there is one."""
        return nullcontext() if self.trace is None else self.trace.page()

    def count(self, result: "Generation") -> None:
        """Keep the seed of a result, and what it took; add it to the page of --html."""
        if self.trace is not None:
            self.trace.add(result)
        self.new_tokens += result.new_tokens
        self.passes += result.passes or 0
        self.seed = result.seed

    def begin(self, row: "Row") -> None:
        """Print a prompt before its continuation, with a blank line after the text before it."""
        if row.number > 1:
            self.out.line()
        self.is_open = True
        if self.echo:
            self.out.text(row.text, dim=True)

    def end(self, result: "Generation", out: Output) -> None:
        """End the line of a text that was shown while it was generated."""
        out.line()
        self.is_open = False
        if self.trace is not None:
            self.trace.show(result.to_dict())
        out.detail(_summary(result))

    def written(
        self, events: "Iterable[Chunk | Generation | Failure]"
    ) -> "Iterator[Generation | Failure]":
        """Print chunks of text as they come, and pass results on.

        On Ctrl-C, end the line, so that the shell begins on a new one.
        """
        from llmcli.tasks.generate import Chunk

        try:
            for event in events:
                if not isinstance(event, Chunk):
                    yield event
                elif event.text:
                    self.out.text(event.text)
                else:
                    self.begin(event.row)
        except KeyboardInterrupt:
            if self.is_open:
                self.out.line()
            raise

    def as_text(self, record: Record) -> str:
        """The text of a record, with its prompt if that is to be shown."""
        prompt = record["prompt"] if self.echo else ""
        text = f"{prompt}{record['text']}"
        return text if self.trace is None else f"{text}\n{self.trace.as_text(record)}"


def _summary(result: "Generation") -> str:
    speed = result.new_tokens / result.seconds if result.seconds else 0.0
    drawn = "greedy" if result.seed is None else f"seed {result.seed}"
    assisted = "" if result.passes is None else f"; {_rate(result.new_tokens, result.passes)}"
    return (
        f"{result.prompt_tokens} prompt tokens, {result.new_tokens} new tokens in "
        f"{result.seconds:.2f} s ({speed:.1f} tokens/s); ended by {result.finish_reason}; {drawn}"
        f"{assisted}"
    )


def _rate(tokens: int, passes: int) -> str:
    each = tokens / passes if passes else 0.0
    saved = max(0, tokens - passes)
    return f"{passes} passes of the model, {each:.2f} tokens each, {saved} saved by guesses"
