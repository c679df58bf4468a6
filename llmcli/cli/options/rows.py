"""The options that all commands on rows of text have, in one decorator."""

from collections.abc import Sequence
from functools import wraps
from typing import Any

from llmcli.cli.options.batch import batch_options
from llmcli.cli.options.gather import Command, Option
from llmcli.cli.options.output import output_options, show_code_option
from llmcli.cli.row_command import RowCommand
from llmcli.spec import FORMATS, OVERFLOWS, Format, Overflow


def row_options(
    overflow: Overflow,
    *,
    choices: Sequence[Overflow] = OVERFLOWS,
    forms: tuple[Format, ...] = FORMATS,
) -> Option:
    """Add the options for batches and output, and pass everything shared on as a RowCommand.

    The options for the input and the model stand above this decorator. overflow: the default of
    --on-overflow.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def with_row_command(**values: Any) -> None:
            names = ("source", "model", "out", "batch", "show_code")
            shared = {name: values.pop(name) for name in names}
            command(RowCommand(**shared), **values)

        with_output = output_options(forms, rows=True, resumes=True)(with_row_command)
        return batch_options(overflow, choices=choices)(show_code_option(with_output))

    return decorate
