"""Options that say where results go and in which format: -o, --format, --json, -q, -v."""

from functools import wraps
from typing import Any

import click

from llmcli.cli.error_limit import ErrorCount
from llmcli.cli.options.gather import Command, Option, add_options
from llmcli.cli.types import OUTPUT_PATH, comma_list
from llmcli.spec import FORMATS, Format, InputOptions, OutputOptions

show_code_option = click.option(
    "--show-code", is_flag=True, help="Print the transformers script that does the same."
)
resume_option: Option = click.option(
    "--resume", is_flag=True, help="Continue an interrupted run: same command, same FILE."
)
max_errors_option: Option = click.option(
    "--max-errors",
    type=ErrorCount(),
    metavar="N|P%",
    help="Stop when more than N rows have failed, or, from the 100th row on, more than P% of them.",
)
row_options: list[Option] = [
    click.option(
        "--restart", is_flag=True, help="Drop the rows that an interrupted run has left, and begin."
    ),
    max_errors_option,
]


def output_options(
    forms: tuple[Format, ...] = FORMATS, *, rows: bool = False, resumes: bool = False
) -> Option:
    """Add the options for results, and pass them on as `out`.

    forms: the formats that the command can write. rows: the results are those of rows of text.
    resumes: an interrupted run can be continued.
    """
    own: list[Option] = [resume_option] * resumes
    options = [*own, *row_options * rows, *_result_options(forms)]

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_output(*args: Any, **values: Any) -> None:
            gathered = _gathered(values, resumes)
            from llmcli.cli.output import Output

            command(*args, out=Output(gathered, forms), **values)

        return add_options(with_output, options)

    return decorate


def _result_options(forms: tuple[Format, ...]) -> list[Option]:
    return [
        click.option(
            "-o",
            "--output",
            type=OUTPUT_PATH,
            metavar="FILE",
            help="Write results to FILE, complete or not at all.",
        ),
        click.option(
            "--format",
            type=click.Choice(forms),
            help="Format of the results.  [default: from the name of FILE, else text]",
        ),
        comma_list(
            "--fields",
            metavar="A,B,..",
            help="Write only these fields of each record, in this order.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Short for --format json."),
        click.option("-q", "--quiet", is_flag=True, help="Print only results."),
        click.option("-v", "--verbose", is_flag=True, help="Report what was chosen, and why."),
    ]


def _gathered(values: dict[str, Any], resumes: bool) -> OutputOptions:
    """The output options among the values of all options, which lose them.

    Raises click.UsageError for options that contradict each other.
    """
    form, as_json = values.pop("format"), values.pop("as_json")
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} contradict each other")
    names = ("output", "quiet", "verbose", "resume", "restart", "fields", "max_errors")
    own = {name: values.pop(name) for name in names if name in values}
    can_resume = resumes and values["source"].input not in (None, "-")
    options = OutputOptions("json" if as_json else form, can_resume=can_resume, **own)
    _check_name(options.output)
    if options.resume and options.restart:
        raise click.UsageError("--resume and --restart contradict each other")
    if options.resume:
        _check_resume(values["source"], options.output)
    return options


def _check_name(output: str | None) -> None:
    """Raise click.UsageError for `-o temperature 0.7`, which llm's users type to set an option."""
    name = f"--{(output or '').replace('_', '-')}"
    command = click.get_current_context().command
    if any(name in option.opts for option in command.params if option.name != "output"):
        raise click.UsageError(
            f"-o {output} names a file: {name} sets that option; -o ./{output} writes a file"
        )


def _check_resume(source: InputOptions, output: str | None) -> None:
    """Raise click.UsageError if there is no input or output file to resume with."""
    if source.input is None or output in (None, "-"):
        raise click.UsageError("--resume goes with --input FILE and --output FILE")
    if source.input == "-":
        raise click.UsageError("--resume needs a file: stdin cannot be read a second time")
