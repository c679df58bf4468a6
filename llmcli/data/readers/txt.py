"""Plain text: a text a line."""

from collections.abc import Iterator

from llmcli.data.lines import TOO_LONG, open_lines, problem_of
from llmcli.data.readers.base import Source
from llmcli.data.rows import Row
from llmcli.errors import InputError


def read(source: Source) -> Iterator[Row]:
    """The rows of a text file. Raises InputError if pairs of texts are asked for."""
    if len(source.columns) > 1:
        raise InputError(f"{source.name} has one text a line: pairs of texts need .jsonl or .csv")
    return _rows(source)


def _rows(source: Source) -> Iterator[Row]:
    with open_lines(source.path, source.files.encoding) as lines:
        for number, line in lines.each():
            if line is None:
                yield source.failed(number, TOO_LONG, lines.fraction_read)
                continue
            text = line.rstrip("\r\n")
            error = problem_of(text)
            if error is not None:
                yield source.failed(number, error, lines.fraction_read, len(text))
            else:
                fraction = lines.fraction_read
                yield Row(number, text, {}, None, None, (), len(text), fraction)
