"""Every failure a user can cause or cure. Imports nothing from llmcli.

    LlmcliError              1   some rows failed, or a failure of no other kind
    ├── UsageError           2   the command contradicts itself
    ├── InputError           3   a file, a text or a setting cannot be used
    ├── ModelNotFound        4   no such model, no network, gated, half a download
    └── ModelUnsuitable      5   the model is there, but wrong, broken or unsafe

The number is the exit code. A message is one line: what happened, with the value, and what
to do about it.
"""


class LlmcliError(Exception):
    """Shown as one line, without a traceback; `exit_code` reaches the shell."""

    exit_code = 1


class UsageError(LlmcliError):
    """Options that contradict one another, found where Click cannot see it."""

    exit_code = 2


class InputError(LlmcliError):
    """A file, a text or a setting that cannot be used."""

    exit_code = 3


class ModelNotFound(LlmcliError):
    """A model that is not there, or cannot be reached or fetched."""

    exit_code = 4


class ModelUnsuitable(LlmcliError):
    """A model that is wrong for the task, broken, or refused as unsafe."""

    exit_code = 5


class RowsFailed(LlmcliError):
    """Some rows became error records; the others were done."""

    exit_code = 1

    def __init__(self, failed: int, total: int) -> None:
        super().__init__(f"{failed} of {total} rows failed; each says why in its record")


class Interrupted(LlmcliError):
    """Ctrl-C came, and the work was left in a state that can be taken up again."""

    exit_code = 130


def is_out_of_memory(error: BaseException) -> bool:
    """True for Python's error and for those of torch, which need not be imported for it."""
    text = str(error).lower()
    told = "out of memory" in text or "allocate memory" in text
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and told)
