"""Files that this program makes for itself, beside the files of others.

They are created exclusively and never through a link, so that nobody's file is written over. A file
that is opened again must be an ordinary one, of this user, under one name: otherwise what stands
there was put there by somebody else.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from llmcli.errors import InputError

PLAIN = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
NO_WAIT = getattr(os, "O_NONBLOCK", 0)
KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def create(path: Path, mode: int = 0o666) -> IO[bytes]:
    """Create a file for reading and writing. Raises FileExistsError if anything has its name.

    mode: without what the umask takes away.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_LINK | PLAIN
    return os.fdopen(os.open(path, flags, mode), "w+b")


def reopen(path: Path) -> IO[bytes]:
    """Open a file that an earlier run made, for reading and for writing at its end.

    Raises FileNotFoundError; InputError if it is no file that a run can have made.
    """
    require_ordinary(path, os.lstat(path))
    handle = os.open(path, os.O_RDWR | os.O_APPEND | NO_LINK | NO_WAIT | PLAIN)
    try:
        require_ordinary(path, os.fstat(handle))
    except InputError:
        os.close(handle)
        raise
    return os.fdopen(handle, "r+b")


def open_own(path: Path) -> IO[bytes]:
    """Open a file for writing at its end; it is created if it does not exist.

    Raises InputError if it is no file that a run can have made, OSError.
    """
    try:
        return reopen(path)
    except FileNotFoundError:
        return create(path)


def make_folder(path: Path) -> None:
    """Make an empty folder in place of one that a killed run left.

    Raises InputError if something else has this name, OSError.
    """
    if exists(path):
        if path.is_symlink() or not path.is_dir():
            raise InputError(f"{path} is not a folder that llmcli made: move it away")
        shutil.rmtree(path)
    path.mkdir(parents=True)


def require_ordinary(path: Path, status: os.stat_result) -> None:
    """Raise InputError unless a path is an ordinary file of this user under a single name."""
    what = KINDS.get(stat.S_IFMT(status.st_mode))
    if what is None and status.st_nlink > 1:
        what = "a file with several names (hard links)"
    if what is None and hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        what = "a file of another user"
    if what is not None:
        raise InputError(f"{path} is {what}, where llmcli keeps a file of its own: move it away")


def exists(path: Path) -> bool:
    """True if anything has this name: a link counts, even one that leads nowhere."""
    return os.path.lexists(path)


def remove(path: Path) -> None:
    """Remove a file, or a link and not what it leads to; one that is not there is no error."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def mode_for(path: Path) -> int:
    """The permissions for a new content of a file: those it has, else what the umask leaves."""
    try:
        status = os.stat(path)
    except OSError:
        status = None
    if status is not None and stat.S_ISREG(status.st_mode):
        return stat.S_IMODE(status.st_mode)
    umask = os.umask(0o022)
    os.umask(umask)
    return 0o666 & ~umask


def name_aside(path: Path, token: str) -> Path:
    """The path of a file that will replace another. token: makes the name nobody else's."""
    return path.with_name(f"{path.name}.{token}.new")


@contextmanager
def replacing(path: Path, token: str | None = None, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Write a file aside; it takes the name `path` when the block ends, whole or not at all.

    It keeps the mode, and where permitted the owner, of the file that it replaces. A link with that
    name is replaced, not followed. token: None: one is drawn. mode: the permissions, if they do not
    depend on that file.
    """
    aside = name_aside(path, token or os.urandom(4).hex())
    file = create(aside, (mode_for(path) if mode is None else mode) | stat.S_IWUSR)
    try:
        yield file
        file.flush()
        settle(file, path, mode)
        file.close()
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):  # closing would try again to write what could not be written
            file.close()
        remove(aside)
        raise


def settle(file: IO[bytes], path: Path, mode: int | None = None) -> None:
    """Give a finished file the mode and owner of the file at `path`, and flush it to the disk.

    mode: the permissions, if they do not depend on that file.
    """
    with suppress(OSError):
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode) and hasattr(os, "fchown"):
            os.fchown(file.fileno(), status.st_uid, status.st_gid)
    with suppress(OSError, AttributeError):  # Windows: no fchmod before 3.13
        os.fchmod(file.fileno(), mode_for(path) if mode is None else mode)
    os.fsync(file.fileno())
