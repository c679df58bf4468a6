"""llmcli generate: continue a text, or a file of them."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import rows_of
from llmcli.cli.options import (
    POSITIVE,
    chat_options,
    decoding_options,
    input_options,
    model_options,
    output_options,
)
from llmcli.cli.output import Output, Record
from llmcli.cli.running import announce_default
from llmcli.errors import InputError, RowsFailed
from llmcli.spec import ChatSpec, DecodingSpec, InputSpec, ModelSpec

if TYPE_CHECKING:
    from llmcli.core.data import Row
    from llmcli.tasks.generate import Failure, Generation


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
    --min-p turn sampling on. Text appears as it is made. With a file, each row is a prompt.

    \b
      llmcli generate "Once upon a time" --temperature 0.8 --seed 1
      llmcli generate -m HuggingFaceTB/SmolLM2-135M-Instruct --chat "What is a token?"
      llmcli generate -i prompts.jsonl --column prompt -n 50 -o answers.jsonl
      echo "One day" | llmcli generate -q --num-beams 4
    """
    if show_code:
        _show_code(source, spec, decoding, chat)
        return
    rows = rows_of(source)
    from llmcli.core.loading import load_causal
    from llmcli.core.prompts import has_chat_template
    from llmcli.tasks.generate import check_decoding
    from llmcli.tasks.generate import generate as run

    check_decoding(decoding)
    announce_default(spec, out)
    loaded = load_causal(spec)
    out.detail(f"model: {loaded.checkpoint.folder}; running on {loaded.placement.reason}")
    if has_chat_template(loaded) and not chat.is_on:
        out.note("[this model has a chat template; --chat uses it]")
    show = _Show(out, echo=not chat.is_on if echo is None else echo)
    is_file = source.input is not None
    if is_file or out.format != "text" or out.path or decoding.num_return_sequences > 1:
        size = batch_size if is_file else 1
        show.records(run(loaded, rows, decoding, chat, batch_size=size), is_file)
        return
    show.stream(run(loaded, rows, decoding, chat, on_start=show.begin, on_text=out.text))


class _Show:
    """Writes generations, either as they grow or each when it is done."""

    def __init__(self, out: Output, echo: bool) -> None:
        self.out = out
        self.echo = echo

    def begin(self, row: "Row") -> None:
        """Print a prompt when its turn comes, with a blank line after the text before it."""
        if row.number > 1:
            self.out.text("\n")
        if self.echo:
            self.out.text(row.text, dim=True)

    def stream(self, results: "Iterable[Generation | Failure]") -> None:
        from llmcli.tasks.generate import Failure

        try:
            for result in results:
                if isinstance(result, Failure):
                    raise InputError(result.error)
                if result.score is not None:  # beams come as a whole
                    self.out.text(result.text)
                self.out.text("\n")
                self.out.detail(_summary(result))
        except KeyboardInterrupt:
            self.out.text("\n")  # what was written stays, and the prompt begins on a new line
            raise

    def records(self, results: "Iterable[Generation | Failure]", is_file: bool) -> None:
        from llmcli.tasks.generate import Failure

        total = failed = 0
        last_row = None
        with self.out.records(self._as_text) as writer:
            for result in results:
                total += result.row.number != last_row
                last_row = result.row.number
                if not isinstance(result, Failure):
                    writer.write(_record(result))
                    continue
                if not is_file:
                    raise InputError(result.error)
                failed += 1
                writer.write(_failure_record(result))
        if failed:
            raise RowsFailed(failed, total)

    def _as_text(self, record: Record) -> str:
        if "error" in record:
            return f"[row {record['row']}: {record['error']}]"
        prompt = record["prompt"] if self.echo else ""
        return f"{prompt}{record['text']}"


def _record(result: "Generation") -> Record:
    """The row's other fields, then the result's."""
    fields = asdict(result)
    row = fields.pop("row")
    if result.logprobs is None:
        del fields["logprobs"]
    return {**row["fields"], **fields}


def _failure_record(result: "Failure") -> Record:
    return {**result.row.fields, "row": result.row.number, "error": result.error}


def _summary(result: "Generation") -> str:
    speed = result.new_tokens / result.seconds if result.seconds else 0.0
    drawn = "greedy" if result.seed is None else f"seed {result.seed}"
    return (
        f"{result.prompt_tokens} prompt tokens, {result.new_tokens} new ones in "
        f"{result.seconds:.2f} s ({speed:.1f} tokens/s); ended by {result.finish_reason}; {drawn}"
    )


def _show_code(source: InputSpec, spec: ModelSpec, decoding: DecodingSpec, chat: ChatSpec) -> None:
    if source.input is not None:
        raise click.UsageError("--show-code is for one TEXT, not for a file")
    from llmcli.tasks.show_code import generate_code

    prompt = next(rows_of(source)).text
    click.echo(generate_code(spec, decoding, chat, prompt), nl=False)
