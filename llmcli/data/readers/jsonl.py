"""JSON: an object a line, an array of objects, or objects one after another.

The content decides, not the name: .jsonl and .json may hold either.
"""

import json
from collections.abc import Iterator
from dataclasses import replace

from llmcli.data.lines import TOO_LONG, Lines, open_lines
from llmcli.data.readers.base import Source
from llmcli.data.readers.checks import checked_json
from llmcli.data.readers.json_values import read_values, unique_fields
from llmcli.data.rows import Row
from llmcli.data.text_files import start_of

DECODER = json.JSONDecoder(object_pairs_hook=unique_fields)


def read(source: Source) -> Iterator[Row]:
    """The rows of a file of JSON objects; blank lines are skipped."""
    with open_lines(source.path, source.files.encoding) as lines:
        if _has_a_value_a_line(start_of(lines.file)):
            yield from _rows_of_lines(source, lines)
            return
        source = replace(source, unit="row")
        for number, (value, written) in enumerate(read_values(source.name, lines.file), 1):
            yield checked_json(source, number, value, written, lines.measure())


def _rows_of_lines(source: Source, lines: Lines) -> Iterator[Row]:
    decode = DECODER.decode
    for number, line in lines.each():
        if line is None:
            yield source.failed(number, TOO_LONG, lines.fraction_read)
        elif not line.isspace():
            try:
                fields = decode(line)
            except (ValueError, RecursionError) as error:  # ValueError: not JSON, a huge number
                yield source.failed(number, f"not JSON: {error}", lines.fraction_read, len(line))
            else:
                yield checked_json(source, number, fields, line, lines.fraction_read)


def _has_a_value_a_line(start: str) -> bool:
    """False for an array, for objects over several lines, and for several on one line.

    start: the beginning of the file. A broken first line is that of an object over several lines
    only if the second one does not begin another object.

    >>> [_has_a_value_a_line(text) for text in ('{"a": 1}', '[{}]', '{\\n"a": 1}', "{} {}")]
    [True, False, False, False]
    """
    start = start.lstrip()
    if start.startswith("["):
        return False
    first, *rest = start.splitlines() or [""]
    try:
        json.loads(first)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return not first[error.pos :].startswith("{")
        second = next((line for line in rest if line.strip()), "")
        return not second or (first.strip() != "{" and second.startswith("{"))
    except (ValueError, RecursionError):
        pass
    return True
