"""JSON values one after another: the elements of an array, or objects over several lines."""

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from llmcli.data import lines
from llmcli.data.lines import TOO_LONG
from llmcli.errors import InputError

CHUNK = 1 << 16  # characters read at a time
BLANK = re.compile(r"[ \t\r\n]*")


def read_values(name: str, file: TextIO) -> Iterator[tuple[Any, str]]:
    """Yield each element of an array, or each value, with its JSON text; one is held at a time.

    name: the file in messages. Raises InputError, with the line, where it is not JSON: what comes
    after cannot be told from what is broken.
    """
    return _Values(name, file).each()


class _Values:
    def __init__(self, name: str, file: TextIO) -> None:
        self._name, self._file = name, file
        self._buffer, self._at = "", 0
        self._lines = 0  # before the buffer
        self._decode = json.JSONDecoder(object_pairs_hook=unique_fields).raw_decode

    def each(self) -> Iterator[tuple[Any, str]]:
        is_array = self._peek() == "["
        if is_array:
            self._at += 1
        is_first = True
        while True:
            start = self._peek()
            if is_array and start == "]" and is_first:
                break
            if not is_array and not start:
                return
            yield self._value()
            is_first = False
            if is_array:
                end = self._peek()
                if end not in (",", "]"):
                    raise self._broken("Expecting ',' or ']'", self._at)
                if end == "]":
                    break
                self._at += 1
        self._at += 1
        if self._peek():
            raise self._broken("there is more after the array", self._at)

    def _peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            self._at = BLANK.match(self._buffer, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on; at least as much as is held. False at the end."""
        held = len(self._buffer) - self._at
        text = self._file.read(max(CHUNK, held))
        if text:
            self._lines += self._buffer.count("\n", 0, self._at)
            self._buffer, self._at = self._buffer[self._at :] + text, 0
        return bool(text)

    def _value(self) -> tuple[Any, str]:
        while True:
            try:
                value, end = self._decode(self._buffer, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._buffer) - self._at > lines.MAX_ROW:
                    raise self._broken(TOO_LONG, self._at) from None
                if not self._more():
                    at = error.pos if isinstance(error, json.JSONDecodeError) else self._at
                    message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                    raise self._broken(message, at) from None
            else:
                written = self._buffer[self._at : end]
                self._at = end
                return value, written

    def _broken(self, message: str, at: int) -> InputError:
        line = self._lines + self._buffer.count("\n", 0, at) + 1
        return InputError(f"{self._name} is not JSON: line {line}: {message}")


def unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its fields. Raises ValueError if two have the same name."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} comes twice")
    return fields
