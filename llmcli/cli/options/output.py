"""Options that say where results go and in which format: -o, --format, --json, -q, -v."""

from functools import wraps
from typing import Any

import click

from llmcli.cli.options.gather import Command, Option, add_options
from llmcli.spec import FORMATS, Format, InputOptions, OutputOptions

show_code_option = click.option(
    "--show-code", is_flag=True, help="Print the transformers script that does the same."
)
resume_option = click.option(
    "--resume", is_flag=True, help="Continue an interrupted run: same command, same FILE."
)


def output_options(forms: tuple[Format, ...] = FORMATS, *, resumes: bool = False) -> Option:
    """Add the options for results, --resume too if the command `resumes`; pass on `out`.

    forms: the formats that the command can write.
    """
    options: list[Option] = [
        click.option(
            "-o", "--output", metavar="FILE", help="Write results to FILE, complete or not at all."
        ),
        click.option(
            "--format",
            type=click.Choice(forms),
            help="Format of the results.  [default: from the name of FILE, else text]",
        ),
        click.option("--json", "as_json", is_flag=True, help="Short for --format json."),
        click.option("-q", "--quiet", is_flag=True, help="Print only results."),
        click.option("-v", "--verbose", is_flag=True, help="Report what was chosen, and why."),
    ]
    if resumes:
        options.insert(0, resume_option)

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_output(*args: Any, as_json: bool, format: Any, **values: Any) -> None:
            if as_json and format not in (None, "json"):
                raise click.UsageError(f"--json and --format {format} contradict each other")
            names = ("output", "quiet", "verbose", "resume")
            own = {name: values.pop(name) for name in names if name in values}
            options = OutputOptions("json" if as_json else format, **own)
            _check_name(options.output)
            if options.resume:
                _check_resume(values["source"], options.output)
            from llmcli.cli.output import Output

            command(*args, out=Output(options, forms), **values)

        return add_options(with_output, options)

    return decorate


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
