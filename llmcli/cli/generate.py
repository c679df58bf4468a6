"""llmcli generate: continue a text, or a file of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import one_text, rows_of
from llmcli.cli.options import (
    POSITIVE,
    chat_options,
    decoding_options,
    input_options,
    model_options,
    output_options,
)
from llmcli.cli.output import Output, Record
from llmcli.cli.running import Tally, announce_default, announce_loaded, record_of, write_code
from llmcli.core.plan import check_decoding
from llmcli.errors import UsageError
from llmcli.spec import ChatSpec, DecodingSpec, InputSpec, ModelSpec

if TYPE_CHECKING:
    from llmcli.core.data import Failure, Row
    from llmcli.tasks.generate import Generation


@click.command()
@input_options
@model_options()
@decoding_options
@chat_options
@click.option(
    "--batch-size",
    type=POSITIVE,
    default=8,
    show_default=True,
    metavar="N",
    help="Rows of a file decoded together.",
)
@click.option(
    "--echo/--no-echo",
    default=None,
    help="Print the prompt before its continuation.  [default: unless it is a chat]",
)
@click.option("--show-code", is_flag=True, help="Print the transformers script that does the same.")
@output_options
def generate(
    source: InputSpec,
    spec: ModelSpec,
    decoding: DecodingSpec,
    chat: ChatSpec,
    batch_size: int,
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
        _show_code(source, spec, decoding, chat, out)
        return
    rows = rows_of(source)
    check_decoding(decoding)
    if decoding.logprobs and out.format == "text":
        raise UsageError("--logprobs goes with --json, or another format for programs")
    from llmcli.core.loading import load_causal
    from llmcli.core.prompts import has_chat_template
    from llmcli.tasks.generate import generate as run

    announce_default(spec, out)
    loaded = load_causal(spec)
    announce_loaded(loaded, out)
    if has_chat_template(loaded) and not chat.is_on:
        out.note("[this model has a chat template; --chat uses it]")
    is_file = source.input is not None
    show = _Show(out, Tally(is_file), echo=not chat.is_on if echo is None else echo)
    if is_file or out.format != "text" or out.path or decoding.num_return_sequences > 1:
        size = batch_size if is_file else 1
        show.records(run(loaded, rows, decoding, chat, batch_size=size))
    else:
        show.stream(run(loaded, rows, decoding, chat, on_start=show.begin, on_text=out.text))
    if decoding.samples and decoding.seed is None:
        out.note(f"[seed {show.seed}]")


@dataclass
class _Show:
    """Writes generations, either as they grow or each when it is done."""

    out: Output
    tally: Tally
    echo: bool
    seed: int | None = None

    def begin(self, row: "Row") -> None:
        """Print a prompt when its turn comes, with a blank line after the text before it."""
        if row.number > 1:
            self.out.line()
        if self.echo:
            self.out.text(row.text, dim=True)

    def stream(self, results: "Iterable[Generation | Failure]") -> None:
        try:
            for result in self.tally.successes(results, on_failure=lambda record: None):
                if result.score is not None:  # beams come as a whole
                    self.out.text(result.text)
                self.out.line()
                self.out.detail(_summary(result))
                self.seed = result.seed
        except KeyboardInterrupt:
            self.out.line()  # what was written stays, and the shell begins on a new line
            raise

    def records(self, results: "Iterable[Generation | Failure]") -> None:
        with self.out.records(self._as_text) as writer:
            for result in self.tally.successes(results, on_failure=writer.write):
                record = record_of(result)
                if result.logprobs is None:
                    del record["logprobs"]
                writer.write(record)
                self.seed = result.seed
        self.tally.check()

    def _as_text(self, record: Record) -> str:
        prompt = record["prompt"] if self.echo else ""
        return f"{prompt}{record['text']}"


def _summary(result: "Generation") -> str:
    speed = result.new_tokens / result.seconds if result.seconds else 0.0
    drawn = "greedy" if result.seed is None else f"seed {result.seed}"
    return (
        f"{result.prompt_tokens} prompt tokens, {result.new_tokens} new ones in "
        f"{result.seconds:.2f} s ({speed:.1f} tokens/s); ended by {result.finish_reason}; {drawn}"
    )


def _show_code(
    source: InputSpec, spec: ModelSpec, decoding: DecodingSpec, chat: ChatSpec, out: Output
) -> None:
    prompt = one_text(source)
    from llmcli.tasks.show_code import generate_code

    write_code(generate_code(spec, decoding, chat, prompt), out)
