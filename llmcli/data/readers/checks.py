"""Checks that rows of every format must pass: text is Unicode, and nothing is too large."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from llmcli.data import lines
from llmcli.data.rows import Row
from llmcli.data.text_files import is_unicode

DEEPEST = 50  # nested lists and objects: more than data has, less than Python can write


def checked(rows: Iterator[Row]) -> Iterator[Row]:
    """Pass rows on, counting their characters; those that are no usable text get an error."""
    for row in rows:
        if row.fields and _is_deep(row.fields):
            yield _failed(row, "nested too deeply")
            continue
        whole = json.dumps(row.fields, ensure_ascii=False, default=str) if row.fields else row.text
        if not is_unicode(whole):
            yield _failed(row, "not valid UTF-8", len(whole))
        elif max(len(row.text), len(row.pair or "")) > lines.MAX_ROW:
            yield _failed(row, lines.TOO_LONG, len(whole))
        else:
            yield replace(row, characters=len(whole))


def _failed(row: Row, error: str, characters: int = 0) -> Row:
    """A row without its contents, which could not be written to an error record."""
    return Row(row.number, "", error=error, characters=characters, fraction_read=row.fraction_read)


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
