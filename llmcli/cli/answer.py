"""llmcli answer: answers to questions about a text."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from llmcli.cli.command import Command
from llmcli.cli.file_names import refuse_file
from llmcli.cli.inputs import is_terminal, piped_text
from llmcli.cli.options.gather import gather, is_given
from llmcli.cli.options.input import input_options
from llmcli.cli.options.model import ENCODER, model_options
from llmcli.cli.options.rows import row_options
from llmcli.cli.output import Output
from llmcli.cli.plain_tables import probability
from llmcli.cli.row_command import RowCommand
from llmcli.cli.types import INPUT_PATH, POSITIVE, TEXT, Real
from llmcli.cli.write_results import Display
from llmcli.data.collection import is_collection
from llmcli.data.records import Record
from llmcli.data.text_files import read_text
from llmcli.errors import InputError, UsageError
from llmcli.spec import InputOptions
from llmcli.spec.tasks import AnswerOptions

if TYPE_CHECKING:
    from llmcli.inference.answers import Answer

answer_options = gather(
    AnswerOptions,
    "options",
    [
        click.option(
            "--top",
            type=POSITIVE,
            default=1,
            metavar="N",
            help="Show the N best answers.  [default: 1]",
        ),
        click.option(
            "--max-answer-tokens",
            type=POSITIVE,
            default=30,
            show_default=True,
            metavar="N",
            help="Maximum length of an answer, in tokens.",
        ),
        click.option(
            "--passages",
            type=POSITIVE,
            default=5,
            show_default=True,
            metavar="N",
            help="Of many texts: read the N passages that fit the question best.",
        ),
        click.option(
            "--no-answer",
            is_flag=True,
            help="The text may contain no answer (for models trained on SQuAD 2).",
        ),
        click.option(
            "--no-answer-threshold",
            type=Real(),
            default=0.0,
            show_default=True,
            metavar="X",
            help="With --no-answer: how much its score must exceed the best answer's.",
        ),
    ],
)


@click.command(cls=Command)
@input_options("question", "context", argument="QUESTION")
@click.option(
    "--context",
    type=TEXT,
    callback=refuse_file("--context-file"),
    metavar="TEXT",
    help="The text that the questions are about.",
)
@click.option(
    "--context-file",
    "context_files",
    type=INPUT_PATH,
    metavar="FILE",
    multiple=True,
    help="File with that text; - is stdin. Repeat it, or give a folder, to look for the answer in "
    "many texts.",
)
@model_options(ENCODER)
@answer_options
@row_options("window")
def answer(
    command: RowCommand,
    context: str | None,
    context_files: tuple[str, ...],
    options: AnswerOptions,
) -> None:
    """Answer questions about a text, or about many.

    The text is --context, --context-file or what is piped in. An extractive model finds the answer
    in it and gives its position in characters; a long text is read in overlapping windows. A causal
    or sequence-to-sequence model writes the answer. A file has questions and texts in two columns,
    or questions only, with --context. Of a folder or several files, the passages that have the
    words of the question (BM25) are read, and each answer comes with its source.

    \b
      llmcli answer "Who wrote it?" --context "Emma is a novel by Jane Austen."
      llmcli answer "Who is ill?" "Since when?" --context-file report.txt --top 3
      cat report.txt | llmcli answer "Who is ill?" --json
      llmcli answer "Who is ill?" --context-file reports/
      llmcli answer -i squad.jsonl --column question --column context -o answers.jsonl
    """
    if is_collection(context_files) and context is None:
        _answer_from_many(command, context_files, options)
        return
    if is_given("passages"):
        raise UsageError("--passages is for many texts: give a folder, or several --context-file")
    command = _with_context(command, context, next(iter(context_files), None))
    if command.show_code:
        question = command.only_text()
        from llmcli.tasks.show_code.answer import answer_code

        code = answer_code(command.model, options, question, command.context or "")
        command.write_code(code)
        return
    rows = command.rows(command.context)
    from llmcli.tasks.answer import answer, load

    display = Display(_line, _show if options.top > 1 and command.shows_results else None)
    command.run(answer, command.load(load), rows, options, display)


def _answer_from_many(command: RowCommand, paths: tuple[str, ...], options: AnswerOptions) -> None:
    """Answer questions from the texts of files and folders."""
    if command.show_code:
        raise UsageError("--show-code is for one text: give one --context-file")
    if "-" in paths:
        raise UsageError("stdin is one text: give it alone, or put it into a file")
    source = command.source
    if source.input is not None:
        command = replace(command, source=replace(source, columns=source.columns[:1]))
    elif not source.texts:
        raise click.UsageError("no question: give QUESTION, or --input FILE")
    rows = command.rows()
    from llmcli.tasks.answer import answer, load, read_library

    library = read_library(paths)
    command.out.note(
        f"{len(library.passages):,} passages of {library.texts:,} texts; those with the words of "
        f"the question (BM25) are read, {options.passages} for each"
    )
    command = replace(command, context=library.identity)
    loaded = command.load(load)
    display = Display(_sourced_line, _show_sourced if command.shows_results else None)
    with command.open_run(display, loaded) as run:
        for result in run.follow(answer(loaded, rows, options, run.batch, library)):
            run.write(result)


def _with_context(command: RowCommand, context: str | None, path: str | None) -> RowCommand:
    """The command with the text that its questions are about; a file may have one for each."""
    source = command.source
    context = _given_context(source, context, path)
    if source.input is not None:
        if context is not None:
            source = replace(source, columns=source.columns[:1])
        elif len(source.columns) < 2:
            raise click.UsageError("give --column twice, or --context or --context-file")
        return replace(command, source=source, context=context)
    if not source.texts:
        raise click.UsageError("no question: give QUESTION, or --input FILE")
    if context is None:
        context = "" if is_terminal() else piped_text(source.encoding)
        if not context.strip():
            raise click.UsageError("no text: give --context, --context-file, or pipe it in")
    return replace(command, context=context)


def _given_context(source: InputOptions, context: str | None, path: str | None) -> str | None:
    """The text that --context or --context-file gives; None without them."""
    if context is not None and path is not None:
        raise click.UsageError("give --context or --context-file, not both")
    if path == "-" and source.input == "-":
        raise click.UsageError("stdin can hold the questions or the text, not both")
    if path is not None:
        context = piped_text(source.encoding) if path == "-" else read_text(path, source.encoding)
    if context is not None and not context.strip():
        raise InputError("the text that the questions are about is empty")
    return context


def _sourced_line(record: Record) -> str:
    return "\t".join([_line(record), record.get("source", ""), record.get("snippet", "")])


def _show_sourced(result: "Answer", out: Output) -> None:
    """The best answers with their probabilities, sources and what stands around them."""
    if result.row.number > 1:
        out.line()
    if result.answer is None:
        out.line("(no answer in the texts)")
    for candidate in result.answers:
        out.line(f"{probability(candidate.score)}  {candidate.answer}")
        if candidate.source is not None:
            out.line(f"        {candidate.source} {candidate.start}-{candidate.end}")
            out.line(f"        {candidate.snippet}")


def _line(record: Record) -> str:
    return "" if record["answer"] is None else str(record["answer"])


def _show(result: "Answer", out: Output) -> None:
    """The best answers with their probabilities and positions."""
    if result.row.number > 1:
        out.line()
    if result.answer is None:
        out.line("(no answer in the text)")
    for candidate in result.answers:
        span = "" if candidate.start is None else f"  {candidate.start}-{candidate.end}"
        out.line(f"{probability(candidate.score)}  {candidate.answer}{span}")
