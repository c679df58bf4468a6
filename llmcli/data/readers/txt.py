"""Plain text: a text a line."""

from collections.abc import Iterator

from llmcli.data.lines import TOO_LONG, open_lines
from llmcli.data.readers.base import Source
from llmcli.data.rows import Row
from llmcli.errors import InputError


def read(source: Source) -> Iterator[Row]:
    """The rows of a text file. Raises InputError if pairs of texts are asked for."""
    if len(source.columns) > 1:
        raise InputError(f"{source.path} has one text a line: pairs of texts need .jsonl or .csv")
    return _rows(source)


def _rows(source: Source) -> Iterator[Row]:
    with open_lines(source.path) as lines:
        for number, line in lines.each():
            fraction = lines.fraction_read()
            if line is None:
                yield Row(number, "", error=TOO_LONG, fraction_read=fraction)
            else:
                yield Row(number, line.rstrip("\r\n"), fraction_read=fraction)
