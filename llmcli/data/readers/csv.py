"""CSV and TSV: a header, then a record a row; in CSV, quoted fields may hold line breaks."""

import csv
from collections.abc import Iterator
from itertools import chain

from llmcli.data import lines
from llmcli.data.formats import input_format
from llmcli.data.lines import TOO_LONG, Lines, TooLong, open_lines, problem_of
from llmcli.data.readers.base import Source
from llmcli.data.readers.delimiters import (
    SEPARATOR,
    Dialect,
    delimiter_of,
    dialect_of,
    looks_quoted,
    quote_opened,
    unique,
)
from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.spec import FileOptions


def read(source: Source) -> Iterator[Row]:
    """The rows of a CSV or TSV file. Raises InputError, at the first row, for a bad header."""
    delimiter_of(source.files)
    return _rows(source)


def header_of(path: str, files: FileOptions) -> list[str]:
    """The names of the columns of a CSV or TSV file. Raises InputError for a bad header."""
    source = Source(path, input_format(path, files.input_format), (), files)
    with open_lines(path, files.encoding) as file:
        header, dialect = _start(source, file)
        quoted = _Quoted(source, file, header, dialect)
        return unique(quoted.header() if dialect.is_quoted else _cells(header, dialect))


def _rows(source: Source) -> Iterator[Row]:
    csv.field_size_limit(lines.MAX_ROW)
    with open_lines(source.path, source.files.encoding) as file:
        try:
            header, dialect = _start(source, file)
            rows = _Quoted(source, file, header, dialect) if dialect.is_quoted else None
            names = rows.header() if rows is not None else _cells(header, dialect)
        except (csv.Error, TooLong) as error:
            cause = TOO_LONG if isinstance(error, TooLong) else error
            raise InputError(f"{source.name} has no header that can be read: {cause}") from None
        if problem_of("".join(names)) is not None:
            raise InputError(f"{source.name}: its header is not UTF-8: give its `encoding`")
        source.require_columns(names)
        names = unique(names)
        yield from rows.rows(names) if rows else _unquoted(source, file, names, dialect)


def _start(source: Source, file: Lines) -> tuple[str, Dialect]:
    """The first line of the header, and how the table is written."""
    for line in file:
        marked = SEPARATOR.match(line) if source.files.delimiter is None else None
        if marked and file.number == 1:
            quoting = source.files.quoting
            given = Dialect(marked[1], quoting != "none", quoting is not None)
            return next(file, ""), given
        if line.strip("\r\n"):
            return line, dialect_of(source, line)
    raise InputError(f"{source.name} is empty: it has no header")


def _cells(line: str, dialect: Dialect) -> list[str]:
    return line.rstrip("\r\n").split(dialect.delimiter)


class _Quoted:
    """Records whose fields may stand in quotation marks."""

    def __init__(self, source: Source, file: Lines, header: str, dialect: Dialect) -> None:
        self._source, self._file, self._dialect = source, file, dialect
        records = chain([header], file)
        self._reader = csv.reader(records, delimiter=dialect.delimiter, strict=True)

    def header(self) -> list[str]:
        """The names of the columns. Raises csv.Error, TooLong."""
        return next(self._reader)

    def rows(self, names: list[str]) -> Iterator[Row]:
        """The rows; blank lines are none."""
        source, file, reader = self._source, self._file, self._reader
        record, count = file.record, len(names)
        while True:
            record.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except TooLong:
                yield source.failed(file.number, TOO_LONG, file.fraction_read)
                continue
            except csv.Error as error:
                yield self._broken(error)
                continue
            line = record[0] if len(record) == 1 else "".join(record)
            wrong = problem_of(line) if not line.isascii() or "\0" in line else None
            if wrong is not None:
                yield source.failed(file.number, wrong, file.fraction_read, len(line))
            elif len(cells) == count:
                fields = dict(zip(names, cells, strict=True))
                yield source.row(file.number, fields, file.fraction_read, len(line))
            elif cells:
                message = _not_as_many(cells, count, self._dialect)
                yield source.failed(file.number, message, file.fraction_read, len(line))

    def _broken(self, error: csv.Error) -> Row:
        """The error of a record, which names the line where its last quotation mark opens."""
        last, record = self._file.number, self._file.record
        first = last - len(record) + 1
        opened = first + quote_opened(record, self._dialect.delimiter)
        message = f"not CSV: {error}"
        if "limit" in str(error):
            message = TOO_LONG
        if len(record) > 1 or "unexpected end" in str(error):
            through = f"lines {first} to {last} are not read" if last > first else "it is not read"
            message += f": the quotation mark that opens a field on line {opened} is not closed, so"
            message += f" {through}; close it, or give `quoting`=none if it is part of the text"
        number = opened if len(record) > 1 else last
        return self._source.failed(number, message, self._file.fraction_read)


def _unquoted(source: Source, file: Lines, names: list[str], dialect: Dialect) -> Iterator[Row]:
    """Rows of lines in which quotation marks are part of the text."""
    count, warns = len(names), not dialect.is_chosen
    for number, line in file.each():
        fraction = file.fraction_read
        if line is None:
            yield source.failed(number, TOO_LONG, fraction)
            continue
        error = problem_of(line)
        cells = _cells(line, dialect)
        if error is None and '"' in line and warns and looks_quoted(cells, count):
            error = "the field looks quoted, which .tsv is not by its standard: give "
            error += "`quoting`=csv, or `quoting`=none if the marks are part of the text"
        elif error is None and len(cells) != count and cells != [""]:
            error = _not_as_many(cells, count, dialect)
        if error is not None:
            yield source.failed(number, error, fraction, len(line))
        elif len(cells) == count and (count > 1 or cells != [""]):
            yield source.row(number, dict(zip(names, cells, strict=True)), fraction, len(line))


def _not_as_many(cells: list[str], count: int, dialect: Dialect) -> str:
    return (
        f"not as many fields as the header: {len(cells)} with the delimiter "
        f"{dialect.delimiter!r}, where the header has {count}"
    )
