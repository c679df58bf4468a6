"""Checks of rows that are made of objects: text is Unicode, and nothing is too large."""

import json
from typing import Any

from llmcli.data import lines
from llmcli.data.lines import NOT_UTF8, NUL
from llmcli.data.readers.base import Source
from llmcli.data.rows import Row
from llmcli.data.text_files import is_unicode

DEEPEST = 50  # nested lists and objects: more than data has, less than Python can write


def checked(source: Source, number: int, fields: dict[str, Any], fraction: float | None) -> Row:
    """A row made of fields that no text was read from; its characters are counted."""
    if _is_deep(fields):
        return source.failed(number, "nested too deeply", fraction)
    return _with_texts(source, number, fields, (_written(fields), fraction))


def checked_json(
    source: Source, number: int, fields: Any, written: str, fraction: float | None
) -> Row:
    """A row made of what JSON says; `written` is the JSON itself."""
    if not isinstance(fields, dict):
        kind = type(fields).__name__
        return source.failed(number, f"not a JSON object but {kind}", fraction)
    if written.count("[") + written.count("{") > DEEPEST and _is_deep(fields):
        return source.failed(number, "nested too deeply", fraction)
    if "\\u" in written:  # which may be half of a surrogate pair, or of the code 0
        return _with_texts(source, number, fields, (_written(fields), fraction))
    if not written.isascii() and not is_unicode(written):
        return source.failed(number, NOT_UTF8, fraction, len(written))
    return source.row(number, fields, fraction, len(written))


def _written(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, default=str)


def _with_texts(
    source: Source, number: int, fields: dict[str, Any], read: tuple[str, float | None]
) -> Row:
    """A row whose texts may have any character. read: the fields as JSON, and how much is read."""
    written, fraction = read
    if not is_unicode(written):
        return source.failed(number, NOT_UTF8, fraction, len(written))
    row = source.row(number, fields, fraction, len(written))
    if max(len(row.text), len(row.pair or "")) > lines.MAX_ROW:
        return source.failed(number, lines.TOO_LONG, fraction, len(written))
    if "\0" in row.text or "\0" in (row.pair or ""):
        return source.failed(number, NUL, fraction, len(written))
    return row


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (list, dict))
        ]
        if not level:
            return False
    return True
