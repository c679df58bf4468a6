"""llmcli answer: questions about a text."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from llmcli.cli.inputs import is_terminal, one_text, piped_text, rows_of
from llmcli.cli.options import ENCODER, gather, input_options, model_options, task_options
from llmcli.cli.output import Output
from llmcli.cli.running import load_announced, write_code, write_results
from llmcli.cli.types import POSITIVE, TEXT, Real
from llmcli.data.records import Record
from llmcli.data.text_files import read_text
from llmcli.errors import InputError
from llmcli.spec import BatchOptions, InputOptions, ModelSpec
from llmcli.spec.tasks import AnswerOptions

if TYPE_CHECKING:
    from llmcli.inference.answers import Answer


answer_options = gather(
    AnswerOptions,
    "options",
    [
        click.option(
            "--top", type=POSITIVE, default=1, metavar="N", help="The N best answers.  [default: 1]"
        ),
        click.option(
            "--max-answer-tokens",
            type=POSITIVE,
            default=30,
            show_default=True,
            metavar="N",
            help="Tokens that an answer may have.",
        ),
        click.option(
            "--no-answer", is_flag=True, help="The text may not say (models trained on SQuAD 2)."
        ),
        click.option(
            "--no-answer-threshold",
            type=Real(),
            default=0.0,
            show_default=True,
            metavar="X",
            help="With --no-answer: how far its score must be above the best answer's.",
        ),
    ],
)


@click.command()
@input_options("question", "context", argument="QUESTION")
@click.option("--context", type=TEXT, metavar="TEXT", help="The text that the questions are about.")
@click.option("--context-file", metavar="FILE", help="A file with that text. - is stdin.")
@model_options(ENCODER)
@answer_options
@task_options("window")
def answer(
    source: InputOptions,
    context: str | None,
    context_file: str | None,
    model: ModelSpec,
    options: AnswerOptions,
    batch: BatchOptions,
    show_code: bool,
    out: Output,
) -> None:
    """Answer questions about a text.

    The text is --context, --context-file or what is piped in. An extractive model finds the answer
    in it, and says where it stands, in characters; a long text is read in windows that overlap.
    A causal or sequence-to-sequence model writes the answer. A file has questions and texts in
    two columns, or questions alone with --context.

    \b
      llmcli answer "Who wrote it?" --context "Emma is a novel by Jane Austen."
      llmcli answer "Who is ill?" "Since when?" --context-file report.txt --top 3
      cat report.txt | llmcli answer "Who is ill?" --json
      llmcli answer -i squad.jsonl --column question --column context -o answers.jsonl
    """
    source, text = _with_context(source, context, context_file)
    if show_code:
        question = one_text(source)
        from llmcli.tasks.show_code.answer import answer_code

        write_code(answer_code(model, options, question, text or ""), out)
        return
    rows = rows_of(source, text)
    from llmcli.inference.answers import READERS, WRITING
    from llmcli.tasks.answer import answer as run

    loaded = load_announced(model, out, *READERS, source=source, decoding=WRITING)
    write_results(
        lambda batch, watch: watch(run(loaded, rows, options, batch)),
        source,
        out,
        batch,
        loaded=loaded,
        context=text,
        as_text=_line,
        show=_show if options.top > 1 and out.format == "text" and source.input is None else None,
    )


def _with_context(
    source: InputOptions, context: str | None, path: str | None
) -> tuple[InputOptions, str | None]:
    """The questions, and the text that they are about; None where a file has one for each."""
    context = _given(source, context, path)
    if source.input is not None:
        if context is not None:
            return replace(source, columns=source.columns[:1]), context
        if len(source.columns) < 2:
            raise click.UsageError("name two columns, or give --context or --context-file")
        return source, None
    if not source.texts:
        raise click.UsageError("no question: give QUESTION, or --input FILE")
    if context is None:
        context = "" if is_terminal() else piped_text()
        if not context.strip():
            raise click.UsageError("no text: give --context, --context-file, or pipe it in")
    return source, context


def _given(source: InputOptions, context: str | None, path: str | None) -> str | None:
    """The text that the options give, None without one of them."""
    if context is not None and path is not None:
        raise click.UsageError("give --context or --context-file, not both")
    if path == "-" and source.input == "-":
        raise click.UsageError("stdin holds the questions or the text, not both")
    if path is not None:
        context = piped_text() if path == "-" else read_text(path)
    if context is not None and not context.strip():
        raise InputError("the text that the questions are about is empty")
    return context


def _line(record: Record) -> str:
    return "" if record["answer"] is None else str(record["answer"])


def _show(result: "Answer", out: Output) -> None:
    """The best answers with their probabilities, for a person."""
    if result.row.number > 1:
        out.line()
    if result.answer is None:
        out.line("(no answer in the text)")
    for one in result.answers:
        place = "" if one.start is None else f"  {one.start}-{one.end}"
        out.line(f"{one.score:.4f}  {one.answer}{place}")
