"""The failures that a user can cause or cure, and helpers for their messages.

    LlmcliError              1   some rows failed, or a failure of no other kind
    ├── UsageError           2   settings that contradict one another
    ├── InputError           3   a file, a text or a setting that cannot be used
    ├── ModelNotFound        4   no such model, no network, no access, an incomplete download
    └── ModelUnsuitable      5   the model is of the wrong kind, damaged or unsafe

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


def is_out_of_memory(error: BaseException) -> bool:
    """True for MemoryError and for torch's errors of that kind; torch need not be imported."""
    message = str(error).lower()
    says_so = "out of memory" in message or "allocate memory" in message
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and says_so)


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
