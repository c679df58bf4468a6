"""Files of settings and descriptions that others wrote: JSON, JSON lines and YAML, read safely.

Nothing in such a file can stop the program, fill its memory or end in a traceback: a fault is one
line with the file, the key and what was expected. A key that occurs twice has its last value, as in
transformers. Infinity and NaN are read, also as transformers writes them.
"""

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmcli.errors import InputError, LlmcliError
from llmcli.system.shapes import OBJECT, Misshapen, Shape, require_shallow, require_shape

SETTINGS = 16 << 20  # bytes; config.json of a model with 20,000 labels has 2 MB
VOCABULARY = 256 << 20  # bytes
BOM = "\ufeff"
FLOAT = "__float__"
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
DIGITS = 40  # of a whole number; no count, size or seed has more
LONG_NUMBER = re.compile(rf"\d{{{DIGITS + 1}}}")
OPENED = re.compile(r"/dev/(stdin|fd/\d+)|/proc/(self|\d+)/fd/\d+")
"""Files that the caller's shell has opened, such as `<(command)`: they may be pipes."""


class Metadata:
    """A file of metadata, and what is raised about it."""

    def __init__(
        self,
        path: Path,
        error: type[LlmcliError] = InputError,
        cure: str = "correct it",
        limit: int = SETTINGS,
    ) -> None:
        """error: ModelUnsuitable for a file of a model. limit: bytes that it may have."""
        self.path, self.error, self.cure, self.limit = path, error, cure, limit

    def exists(self) -> bool:
        """True if something is there, be it a file that can be read or not."""
        return os.path.lexists(self.path)

    def contents(self) -> bytes:
        """The contents. Raises `error` unless it is a regular file within the limit."""
        try:
            with _open(self.path) as file:
                read: bytes = file.read(self.limit + 1)
        except Misshapen as fault:
            raise self.fault(str(fault)) from None
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = getattr(error, "strerror", None) or str(error)
            raise self.error(f"cannot read {self.path}: {reason}") from None
        if len(read) > self.limit:
            raise self.fault(f"has more than {self.limit >> 20} MB, the most that is read")
        return read

    def text(self) -> str:
        """The contents as text. Raises `error` if it is not UTF-8."""
        try:
            text = self.contents().decode()
        except UnicodeDecodeError as error:
            raise self.fault(f"is not UTF-8: see byte {error.start + 1:,}") from None
        if self.error is not InputError and text.startswith(BOM):  # transformers reads none
            raise self.fault("begins with a byte order mark")
        return text.removeprefix(BOM)

    def json(self, shape: Shape = OBJECT) -> Any:
        """The JSON value in the file. Raises `error` unless it has the shape."""
        try:
            value = loads(self.text())
            require_shape(value, shape)
            return value
        except NotJson as fault:
            raise self.fault(f"is not JSON: {fault}") from None
        except Misshapen as fault:
            raise self.about(fault) from None

    def json_lines(self, shape: Shape = OBJECT) -> Iterator[Any]:
        """The JSON value of each line; an incomplete last line is left out. Raises `error`."""
        lines = self.text().split("\n")[:-1]
        for number, line in enumerate(lines, 1):
            try:
                value = loads(line)
                require_shape(value, shape)
            except (NotJson, Misshapen) as fault:
                raise self.error(f"{self.path}:{number}: {fault}; {self.cure}") from None
            yield value

    def yaml(self) -> Any:
        """The value in a YAML file. Raises `error`."""
        try:
            return parse_yaml(self.text())
        except Misshapen as fault:
            raise self.fault(str(fault)) from None

    def fault(self, words: str) -> LlmcliError:
        """The error for a fault of the whole file."""
        words = words if self.error is InputError else f"is damaged: it {words}"
        return self.error(f"{self.path} {words}; {self.cure}")

    def about(self, fault: Misshapen | str) -> LlmcliError:
        """The error for a fault that names its key."""
        return self.error(f"{self.path}: {fault}; {self.cure}")


def parse_yaml(text: str) -> Any:
    """The value of a text in YAML. Raises Misshapen, in words that follow the name of the file."""
    from llmcli.system.safe_yaml import load  # slow to import

    return load(text)


class NotJson(ValueError):
    """Why a text is not JSON, in one line."""


def loads(text: str) -> Any:
    """The value of a text in JSON. Raises NotJson, Misshapen where it nests too deeply."""
    hook = _special_float if FLOAT in text else None
    parse_int = _short_int if LONG_NUMBER.search(text) else None
    try:
        value = json.loads(text, object_hook=hook, parse_int=parse_int)
    except RecursionError:
        raise Misshapen("it nests too deeply") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        if not text.strip():
            raise NotJson("it is empty") from None
        raise NotJson(f"{error.msg[:1].lower()}{error.msg[1:]} at {place}") from None
    require_shallow(value, text.count("[") + text.count("{"))
    if SURROGATE.search(text):
        _require_characters(value)
    return value


def _short_int(digits: str) -> int:
    if len(digits) > DIGITS:
        raise Misshapen(f"it holds a whole number of {len(digits):,} digits")
    return int(digits)


def _special_float(fields: dict[str, Any]) -> Any:
    """Infinity or NaN as transformers 5 writes it: {"__float__": "Infinity"}."""
    name = fields.get(FLOAT)
    if len(fields) == 1 and name in ("Infinity", "-Infinity", "NaN"):
        return float(name)
    return fields


def _require_characters(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        escape = f"\\u{ord(error.object[error.start]):04x}"
        raise NotJson(f"it holds half of a surrogate pair, {escape}") from None


def _open(path: Path) -> Any:
    """The file for reading, without waiting for a pipe. Raises Misshapen, OSError."""
    if OPENED.fullmatch(str(path)):
        return path.open("rb")
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    kind = kind_of_file(os.fstat(handle).st_mode)
    if kind is None:
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise Misshapen(f"is {kind}, a file was expected")


def kind_of_file(mode: int) -> str | None:
    """What something is by its mode, such as a directory; None: a regular file."""
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a named pipe" if stat.S_ISFIFO(mode) else "a device"
