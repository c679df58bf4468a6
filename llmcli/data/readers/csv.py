"""CSV and TSV: a header, then a record a row; quoted fields may hold line breaks."""

import csv
from collections.abc import Iterator

from llmcli.data import lines
from llmcli.data.lines import TOO_LONG, TooLong, open_lines
from llmcli.data.readers.base import Source
from llmcli.data.rows import Row
from llmcli.errors import InputError


def read(source: Source) -> Iterator[Row]:
    """The rows of a CSV or TSV file. Raises InputError, at the first row, for a bad header."""
    csv.field_size_limit(lines.MAX_ROW)
    with open_lines(source.path) as file:
        delimiter = "\t" if source.format == "tsv" else ","
        reader = csv.DictReader(file, delimiter=delimiter, strict=True)
        try:
            source.require_columns(list(reader.fieldnames or ()))
        except (csv.Error, TooLong) as error:
            raise InputError(f"{source.path} has no header that can be read: {error}") from None
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except TooLong:
                yield Row(file.number, "", error=TOO_LONG, fraction_read=file.fraction_read())
            except csv.Error as error:
                message = f"not CSV: {error}"
                yield Row(file.number, "", error=message, fraction_read=file.fraction_read())
            else:
                yield _row(source, file, fields)


def _row(source: Source, file: lines.Lines, fields: dict[str, str]) -> Row:
    if None in fields or None in fields.values():
        message = "not as many fields as the header"
        return Row(file.number, "", error=message, fraction_read=file.fraction_read())
    return source.row(file.number, dict(fields), file.fraction_read())
