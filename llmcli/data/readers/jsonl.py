"""JSON Lines: an object a line; blank lines are skipped."""

import json
from collections.abc import Iterator

from llmcli.data.lines import TOO_LONG, open_lines
from llmcli.data.readers.base import Source
from llmcli.data.rows import Row


def read(source: Source) -> Iterator[Row]:
    """The rows of a file of JSON objects."""
    with open_lines(source.path) as lines:
        for number, line in lines.each():
            if line is None:
                yield Row(number, "", error=TOO_LONG, fraction_read=lines.fraction_read())
            elif line.strip():
                yield _row(source, number, line, lines.fraction_read())


def _row(source: Source, number: int, line: str, fraction_read: float | None) -> Row:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, or a huge number
        return Row(number, "", error=f"not JSON: {error}", fraction_read=fraction_read)
    if not isinstance(fields, dict):
        kind = type(fields).__name__
        return Row(number, "", error=f"not a JSON object but {kind}", fraction_read=fraction_read)
    return source.row(number, fields, fraction_read)
