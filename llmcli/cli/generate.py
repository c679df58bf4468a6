"""llmcli generate: continue a text, or a file of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import one_text, rows_of
from llmcli.cli.options import (
    chat_options,
    decoding_options,
    input_options,
    model_options,
    task_options,
)
from llmcli.cli.output import Output
from llmcli.cli.running import (
    Tally,
    announce_loaded,
    load_announced,
    write_code,
    write_results,
)
from llmcli.data.records import Record
from llmcli.decoding.validation import check_decoding
from llmcli.errors import UsageError
from llmcli.spec import BatchOptions, Chat, Decoding, InputOptions, ModelSpec, Overflow

if TYPE_CHECKING:
    from llmcli.data.rows import Failure, Row
    from llmcli.engines.base import Loaded
    from llmcli.inference.generation import Chunk, Generation


@click.command()
@input_options()
@model_options()
@decoding_options
@chat_options
@task_options("error", choices=("error", "truncate"))
@click.option(
    "--echo/--no-echo",
    default=None,
    help="Print the prompt before its continuation.  [default: unless it is a chat]",
)
def generate(
    source: InputOptions,
    model: ModelSpec,
    decoding: Decoding,
    chat: Chat,
    batch: BatchOptions,
    echo: bool | None,
    show_code: bool,
    out: Output,
) -> None:
    """Continue TEXT with a causal language model.

    Decoding is greedy: at each step the likeliest token. --temperature, --top-k, --top-p or
    --min-p turn sampling on. Text appears as it is made. Each TEXT is a prompt of its own, so
    quote what has spaces; with a file, each row is one. An empty prompt begins a new text.

    \b
      llmcli generate "Once upon a time" --temperature 0.8 --seed 1
      llmcli generate -m HuggingFaceTB/SmolLM2-135M-Instruct --chat "What is a token?"
      llmcli generate -i prompts.jsonl --column prompt -n 50 -o answers.jsonl
      echo "One day" | llmcli generate -q --num-beams 4
    """
    if show_code:
        _show_code(source, model, decoding, chat, out)
        return
    rows = rows_of(source)
    check_decoding(decoding)
    if chat.is_on and batch.on_overflow == "truncate":
        raise UsageError("--on-overflow truncate would cut the chat template: shorten the text")
    if decoding.logprobs and out.format == "text":
        raise UsageError("--logprobs goes with --json, or another format for programs")
    if decoding.assist and (batch.batch_size or 1) > 1:
        raise UsageError("--assist decodes one text at a time: leave out --batch-size")
    from llmcli.inference.prompts import has_chat_template
    from llmcli.tasks.generate import generate as run
    from llmcli.tasks.generate import stream

    loaded = load_announced(model, out, "causal", source=source, decoding={"causal": decoding})
    if has_chat_template(loaded) and not chat.is_on:
        out.note("[this model has a chat template; --chat uses it]")
    draft = _draft(decoding, model, out)
    seed_was_given = decoding.seed is not None
    if decoding.samples:
        import secrets

        batch = replace(batch, seed=decoding.seed if seed_was_given else secrets.randbits(31))
    show = _Show(out, echo=not chat.is_on if echo is None else echo)
    several = decoding.num_return_sequences > 1
    if source.input is not None or out.format != "text" or out.path or several:
        write_results(
            lambda batch, watch: watch(show.noted(run(loaded, rows, decoding, chat, batch, draft))),
            source,
            out,
            batch,
            loaded=loaded,
            as_text=show.as_text,
        )
        if decoding.assist:
            out.detail(f"all texts: {_rate(show.new_tokens, show.passes)}")
    else:
        events = stream(loaded, rows, decoding, chat, batch, draft)
        show.stream(show.noted(show.written(events)), batch.on_overflow)
    if show.seed is not None and not seed_was_given:
        out.note(f"[seed {show.seed}]")


def _draft(decoding: Decoding, model: ModelSpec, out: Output) -> "Loaded | None":
    """The smaller model that --assist names, with the other settings of the larger one."""
    if decoding.assist is None:
        return None
    out.detail(f"assisted by {decoding.assist}: texts are continued one after another")
    if decoding.assist == "lookup":
        return None
    from llmcli.engines.choose import load_on_torch

    draft = load_on_torch(replace(model, model_id=decoding.assist, revision=None), ("causal",))
    announce_loaded(draft, out)
    return draft


@dataclass
class _Show:
    """Writes generations, either as they grow or each when it is done."""

    out: Output
    echo: bool
    seed: int | None = None
    """Of the generations so far."""
    new_tokens: int = 0
    passes: int = 0
    """Of the model, with --assist."""

    def noted(self, results: "Iterable[Generation | Failure]") -> "Iterator[Generation | Failure]":
        """Pass results on, and keep the seed that they were drawn with, and what they took."""
        for result in results:
            self.new_tokens += getattr(result, "new_tokens", 0)
            self.passes += getattr(result, "passes", None) or 0
            self.seed = getattr(result, "seed", self.seed)
            yield result

    def written(
        self, events: "Iterable[Chunk | Generation | Failure]"
    ) -> "Iterator[Generation | Failure]":
        """Print chunks of text as they come; pass results on."""
        from llmcli.inference.generation import Chunk

        for event in events:
            if not isinstance(event, Chunk):
                yield event
            elif event.text:
                self.out.text(event.text)
            else:
                self.begin(event.row)

    def begin(self, row: "Row") -> None:
        """Print a prompt when its turn comes, with a blank line after the text before it."""
        if row.number > 1:
            self.out.line()
        if self.echo:
            self.out.text(row.text, dim=True)

    def stream(self, results: "Iterable[Generation | Failure]", on_overflow: Overflow) -> None:
        tally = Tally(is_file=False)
        try:
            for result in tally.successes(tally.count(results), on_failure=lambda record: None):
                self.out.line()
                self.out.detail(_summary(result))
        except KeyboardInterrupt:
            self.out.line()  # what was written stays, and the shell begins on a new line
            raise
        tally.check(self.out, on_overflow)

    def as_text(self, record: Record) -> str:
        prompt = record["prompt"] if self.echo else ""
        return f"{prompt}{record['text']}"


def _summary(result: "Generation") -> str:
    speed = result.new_tokens / result.seconds if result.seconds else 0.0
    drawn = "greedy" if result.seed is None else f"seed {result.seed}"
    assisted = "" if result.passes is None else f"; {_rate(result.new_tokens, result.passes)}"
    return (
        f"{result.prompt_tokens} prompt tokens, {result.new_tokens} new ones in "
        f"{result.seconds:.2f} s ({speed:.1f} tokens/s); ended by {result.finish_reason}; {drawn}"
        f"{assisted}"
    )


def _rate(tokens: int, passes: int) -> str:
    each = tokens / passes if passes else 0.0
    return f"{passes} passes of the model, {each:.2f} tokens each"


def _show_code(
    source: InputOptions, model: ModelSpec, decoding: Decoding, chat: Chat, out: Output
) -> None:
    prompt = one_text(source)
    from llmcli.tasks.show_code.generate import generate_code

    write_code(generate_code(model, decoding, chat, prompt), out)
