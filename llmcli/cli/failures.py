"""How a command fails: which message and which exit code every exception becomes."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from llmcli.cli.flags import with_flags
from llmcli.errors import InternalError, Interrupted, LlmcliError, in_one_line
from llmcli.system import signals
from llmcli.system.resource_errors import is_of_system, scarce_resource, write_error

_held: list[BaseException] = []
"""Exceptions of a signal, with all that their frames hold: to free a model waits for its batch."""


@contextmanager
def failures_shown(command: Callable[[], click.Command]) -> Iterator[None]:
    """Show whatever is raised as one line, and exit with its code; what click raises passes.

    command: finds the one that runs, whose flags a message names.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, SystemExit):
        number = signals.received()
        if number is not None:
            raise click.exceptions.Exit(128 + number) from None
        raise
    except BaseException as error:
        raise click.exceptions.Exit(shown(error, command())) from error


def shown(error: BaseException, command: click.Command) -> int:
    """Show an exception on stderr as one line, and return its exit code.

    With LLMCLI_DEBUG=1, its traceback comes first. After a signal, every exception is of it: what
    libraries make of a KeyboardInterrupt is no news.
    """
    if os.environ.get("LLMCLI_DEBUG", "0") not in ("", "0"):
        import traceback

        traceback.print_exc()
    number = signals.received()
    if isinstance(error, BrokenPipeError):  # the reader, such as `head`, has enough
        return 0
    if number is not None or not isinstance(error, Exception):
        if number is not None:
            _held.append(error)
        _end_line_of_terminal()
        return 128 + (number or signal.SIGINT)
    failure = failure_of(error)
    message = with_flags(str(failure), command)
    was_asked_for = isinstance(failure, Interrupted)
    click.echo(message if was_asked_for else f"Error: {message}", err=True)
    return failure.exit_code


def _end_line_of_terminal() -> None:
    """Begin a new line after the ^C that a terminal shows."""
    if sys.stderr is not None and sys.stderr.isatty():
        click.echo(err=True)


def failure_of(error: Exception) -> LlmcliError:
    """The failure that is shown for an exception; InternalError for what nothing expected.

    What the system refuses is no fault of llmcli, wherever it happens: memory, threads, a full
    disk, a file that cannot be used.
    """
    if isinstance(error, LlmcliError):
        return error
    scarce = scarce_resource(error)
    if scarce is not None:
        return scarce
    if isinstance(error, OSError) and error.errno is not None:
        reason = error.strerror or str(error)
        place = "" if error.filename is None else f"{error.filename}: "
        return write_error(error, f"{place}{reason}")
    if is_of_system(error):  # libraries in Rust raise an Exception
        return write_error(error, in_one_line(error))
    return InternalError(error)
