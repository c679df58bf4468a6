"""Which exceptions mean that the system has no more of something: memory, files, disk space."""

import errno

from llmcli.errors import DiskFull, InputError, LlmcliError, OutOfMemory

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SCARCE = {
    errno.ENOMEM: "out of memory: try a smaller `batch_size` or a smaller model",
    errno.EMFILE: "too many open files for this process: raise its limit (ulimit -n)",
    errno.ENFILE: "too many open files on this machine",
    errno.EAGAIN: "no more processes or threads: raise their limit (ulimit -u)",
}
"""What the system does not give, by the number of the error."""
MEMORY_WORDS = (
    "could not create a primitive",
    "out of memory",
    "allocate memory",
    "failed to map segment",
    "bad_alloc",
)
THREAD_WORDS = ("can't start new thread", "resource temporarily unavailable")


def is_out_of_memory(error: BaseException) -> bool:
    """True for MemoryError and for torch's errors of that kind; torch need not be imported."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    message = str(error).lower()
    says_so = any(words in message for words in MEMORY_WORDS)
    kinds = (RuntimeError, ImportError)
    return isinstance(error, MemoryError) or (isinstance(error, kinds) and says_so)


def scarce_resource(error: BaseException) -> OutOfMemory | None:
    """The error for memory, threads or files that the system does not give; None for others."""
    if isinstance(error, OSError) and error.errno in SCARCE:
        return OutOfMemory(SCARCE[error.errno])
    if is_out_of_memory(error):
        return OutOfMemory(SCARCE[errno.ENOMEM])
    if isinstance(error, (RuntimeError, ImportError)):
        message = str(error).lower()
        if any(words in message for words in THREAD_WORDS):
            return OutOfMemory(SCARCE[errno.EAGAIN])
        if "too many open files" in message:
            return OutOfMemory(SCARCE[errno.EMFILE])
    return None


def is_disk_full(error: BaseException) -> bool:
    """True for errors of a disk without space; libraries in Rust have the number in their text."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    return any(f"(os error {number})" in str(error) for number in FULL)


def is_of_system(error: BaseException) -> bool:
    """True for what a library in Rust says of an error of the operating system."""
    return "(os error " in str(error)


def write_error(error: Exception, message: str) -> LlmcliError:
    """The error for something that could not be written: DiskFull, or else InputError."""
    return DiskFull(message) if is_disk_full(error) else InputError(message)
