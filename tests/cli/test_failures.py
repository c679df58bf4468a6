"""What the system refuses, as failures with their exit codes."""

import errno
import os

import pytest

from llmcli.cli.failures import failure_of
from llmcli.errors import InputError


def refused(number, *more):
    return OSError(number, os.strerror(number), *more)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("the text is empty"), 3, "the text is empty"),
        (refused(errno.ENOSPC), 7, "No space left on device"),
        (refused(errno.EDQUOT, "/home/x"), 7, "/home/x: Disk quota exceeded"),
        (refused(errno.EFBIG, "x"), 7, "x: File too large"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), 7, "os error 28"),
        (RuntimeError("Is a directory (os error 21)"), 3, "Is a directory"),
        (refused(errno.EROFS, "/mnt/x"), 3, "/mnt/x: Read-only file system"),
        (refused(errno.EMFILE, "x"), 6, "ulimit -n"),
        (ImportError("libx.so: cannot open shared object file: Too many open files"), 6, "-n"),
        (ImportError("libx.so: failed to map segment from shared object"), 6, "out of memory"),
        (refused(errno.ENOMEM), 6, "out of memory"),
        (MemoryError(), 6, "out of memory"),
        (RuntimeError("can't start new thread"), 6, "threads"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), 6, "processes"),
        (RuntimeError("no such operator"), 70, "RuntimeError: no such operator"),
        (AssertionError(), 70, "a fault in llmcli: AssertionError; LLMCLI_DEBUG=1"),
        (ValueError("28"), 70, "ValueError: 28"),
    ],
    ids=str,
)
def test_every_exception_is_one_line_with_a_documented_code(error, code, words):
    failure = failure_of(error)
    assert failure.exit_code == code
    assert words in str(failure) and "\n" not in str(failure)
