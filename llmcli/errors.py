"""The failures that a user can cause or cure, and helpers for their messages.

    LlmcliError              1   some rows failed, or a failure of no other kind
    ├── UsageError           2   settings that contradict one another
    ├── InputError           3   a file, a text or a setting that cannot be used
    ├── ModelNotFound        4   no such model, no network, no access, an incomplete download
    ├── ModelUnsuitable      5   the model is of the wrong kind, damaged or unsafe
    ├── OutOfMemory          6   memory, threads or open files that the system does not give
    ├── DiskFull             7   no space, no quota, or a limit on the size of a file
    ├── InternalError       70   a fault in llmcli: any exception that is none of these
    └── Interrupted        130   Ctrl-C
        └── Terminated     143   SIGTERM

The number is the exit code. A message is one line: what happened, with the value, and what
to do about it. It names settings as fields in backquotes, such as `num_beams`.
"""

from collections.abc import Iterable, Sequence


class LlmcliError(Exception):
    """An expected failure, shown as one line without a traceback."""

    exit_code = 1


class UsageError(LlmcliError):
    """Settings that contradict one another."""

    exit_code = 2


class InputError(LlmcliError):
    """A file, a text or a setting that cannot be used."""

    exit_code = 3


class ModelNotFound(LlmcliError):
    """A model that does not exist, cannot be reached or cannot be downloaded."""

    exit_code = 4


class ModelUnsuitable(LlmcliError):
    """A model that is of the wrong kind for the task, damaged, or refused as unsafe."""

    exit_code = 5


class OutOfMemory(LlmcliError):
    """Memory, threads or open files that the system does not give to this process."""

    exit_code = 6


class DiskFull(LlmcliError):
    """A disk that is full, a quota that is used up, or a limit on the size of a file."""

    exit_code = 7


class InternalError(LlmcliError):
    """A fault in llmcli. Only the command line makes it: the Python API raises the original."""

    exit_code = 70

    def __init__(self, error: BaseException) -> None:
        """error: the exception that nothing expected."""
        words = in_one_line(error)
        name = type(error).__name__
        super().__init__(
            f"a fault in llmcli: {name}{': ' if words else ''}{words}; LLMCLI_DEBUG=1 shows where"
        )


class RowsFailed(LlmcliError):
    """Some rows became error records; the others succeeded."""

    exit_code = 1

    def __init__(self, failed: int, total: int, reasons: Sequence[str] = ()) -> None:
        """reasons: of the first ones, each with its place, as in `in.csv:2 (the text is empty)`."""
        more = f" and {failed - len(reasons):,} more" if failed > len(reasons) else ""
        shown = f": {', '.join(reasons)}{more}" if reasons else ""
        super().__init__(f"{failed} of {total} rows failed{shown}; each says why in its record")


class TooManyFailed(RowsFailed):
    """A run was stopped, because more rows failed than the user allows."""

    def __init__(self, failed: int, total: int, reasons: Sequence[str], most: int | float) -> None:
        """most: a number of rows, or as a float a share of them."""
        super().__init__(failed, total, reasons)
        limit = f"{most:,}" if isinstance(most, int) else f"{100 * most:.4g}%"
        self.args = (f"stopped at `max_errors`={limit}: {self}",)


class Interrupted(LlmcliError):
    """Ctrl-C was pressed, and the work can be resumed."""

    exit_code = 130


class Terminated(Interrupted):
    """The process was asked to end, by SIGTERM."""

    exit_code = 143


def in_one_line(error: BaseException, limit: int = 300) -> str:
    """The message of a foreign error, on one line, no longer than `limit` characters."""
    return " ".join(str(error).split())[:limit]


def listed(names: Iterable[object], limit: int = 12) -> str:
    """Names for a message, in quotes; no more than `limit` of them.

    >>> listed(["text", "label"])
    "'text', 'label'"
    >>> listed("abc", limit=2)
    "'a', 'b' ..."
    >>> listed([])
    'none'
    """
    quoted = [repr(name) for name in names]
    more = " ..." if len(quoted) > limit else ""
    return (", ".join(quoted[:limit]) or "none") + more
