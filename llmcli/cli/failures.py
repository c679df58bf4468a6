"""Which failure, and so which message and exit code, any exception is for the command line."""

from llmcli.errors import DiskFull, InternalError, LlmcliError, in_one_line
from llmcli.system.resource_errors import is_disk_full, scarce_resource, write_error


def failure_of(error: Exception) -> LlmcliError:
    """The failure that is shown for an exception, in one line; InternalError for the unexpected.

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
    return DiskFull(in_one_line(error)) if is_disk_full(error) else InternalError(error)
