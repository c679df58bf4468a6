"""Records, the results of a run as plain dictionaries, and their text and JSON forms."""

import json
import math
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from llmcli.system.resource_errors import write_error

Record = dict[str, Any]
Render = Callable[[Record], str]
"""Makes the text of a record, without the newline."""

ERROR = "error"  # the field that only the records of failed rows have


def is_error(record: Record) -> bool:
    """True for the record of a row that failed."""
    return ERROR in record


def text_of(record: Record, render: Render) -> str:
    """A record as text; for a failed row, its number and the error in brackets."""
    return f"[row {record['row']}: {record[ERROR]}]" if is_error(record) else render(record)


def to_json(record: Record, indent: int | None = None) -> str:
    """A record as JSON; dates become text, NaN and infinity null."""
    try:
        return json.dumps(record, ensure_ascii=False, indent=indent, default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(record), ensure_ascii=False, indent=indent, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def column_names(records: Iterable[Record]) -> list[str]:
    """All fields of the records in order of appearance, `error` last."""
    names = {name: None for record in records for name in record}
    return [*(name for name in names if name != ERROR), ERROR]


def cell(value: Any) -> Any:
    """A value as a cell of CSV or of a table: lists and objects as JSON, None as nothing."""
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else value


def print_to(file: TextIO, text: str) -> None:
    """Write and flush, so that the reader of a pipe sees it now. Raises InputError, DiskFull."""
    try:
        file.write(text)
        file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise write_error(error, f"cannot write to {file.name}: {error.strerror}") from None
