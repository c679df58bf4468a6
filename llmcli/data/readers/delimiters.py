"""How the fields of a table are separated and quoted: as given, or by its first lines."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from llmcli.data.readers.base import Source
from llmcli.errors import InputError, UsageError
from llmcli.spec import FileOptions

NAMES = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
"""Delimiters that are hard to type in a shell."""
WORDS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "vertical bars", " ": "spaces"}
CANDIDATES = (",", ";", "\t", "|")
SEPARATOR = re.compile(r"sep=(.)[\r\n]*\Z")
"""The first line by which Excel is told the delimiter."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the fields of a table are written."""

    delimiter: str
    is_quoted: bool
    """Fields may stand in quotation marks; else these are part of the text."""
    is_chosen: bool
    """The user chose the quoting."""


def delimiter_of(files: FileOptions) -> str | None:
    """The delimiter that was given. Raises UsageError unless it is a single character.

    >>> delimiter_of(FileOptions(delimiter="tab"))
    '\\t'
    """
    given = files.delimiter
    if given is None:
        return None
    given = NAMES.get(given.lower(), given)
    if len(given) != 1 or given in '"\r\n\0':
        raise UsageError(
            f"`delimiter` {files.delimiter!r} is not a single character, nor one of tab, comma, "
            "semicolon, pipe, space"
        )
    return given


def dialect_of(source: Source, header: str) -> Dialect:
    """How a table is written whose header is this line. Raises InputError where it is unclear.

    The delimiter is the usual one of the format, unless the header has the wanted columns only
    with another one. TSV has no quoting: https://www.iana.org/assignments/media-types/text/
    tab-separated-values.
    """
    quoting, is_tsv = source.files.quoting, source.format == "tsv"
    is_quoted = quoting == "csv" if quoting is not None else not is_tsv
    given = delimiter_of(source.files)
    if given is None and is_tsv and "\t" not in header:
        _require_tabs(source, header)
    delimiter = given or ("\t" if is_tsv else _sniffed(header, source.columns))
    cells = header.strip("\r\n").split(delimiter)
    if is_tsv and quoting is None and all(map(_is_in_quotes, cells)):
        raise InputError(
            f"{source.name}, line 1: the header is in quotation marks, which .tsv does not have by "
            "its standard: give `quoting`=csv, or `quoting`=none if they are part of the texts"
        )
    return Dialect(delimiter, is_quoted, quoting is not None)


def _is_in_quotes(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


def _require_tabs(source: Source, header: str) -> None:
    """Raise InputError if a .tsv file is separated by something else."""
    other = _sniffed(header, source.columns, default="")
    if other and len(_split(header, other)) > 1:
        raise InputError(
            f"{source.name}, line 1: the fields are separated by {WORDS[other]}, not by tabs: name "
            f"the file .csv, or give `input_format`=csv"
        )


def _sniffed(header: str, columns: Sequence[str], default: str = ",") -> str:
    """The delimiter by which a header has the wanted columns; else the most frequent one."""
    split = {delimiter: _split(header, delimiter) for delimiter in CANDIDATES}
    fitting = [name for name in CANDIDATES if columns and {*columns} <= {*split[name]}]
    if fitting:
        return max(fitting, key=lambda name: len(split[name]))
    most = max(CANDIDATES, key=lambda name: len(split[name]))  # the first of equals: the comma
    return most if len(split[most]) > 1 else default


def _split(header: str, delimiter: str) -> list[str]:
    return next(csv.reader([header.strip("\r\n")], delimiter=delimiter), [])


def unique(names: Sequence[str]) -> list[str]:
    """Column names, of which the second of two equal ones becomes `name_2`.

    >>> unique(["id", "text", "id"])
    ['id', 'text', 'id_2']
    """
    taken: dict[str, None] = {}
    for name in names:
        new, count = name, 1
        while new in taken or (count > 1 and new in names):
            count += 1
            new = f"{name}_{count}"
        taken[new] = None
    return list(taken)


QUOTED = re.compile(r'"(?:[^"]|"")*"')


def looks_quoted(cells: Sequence[str], wanted: int) -> bool:
    """True if the fields of a line without quoting look as if quotation marks enclosed them.

    They have doubled marks inside, which people do not write in a text, or the line has the wrong
    number of fields. wanted: how many the header has.
    """
    begun = [cell for cell in cells if cell.startswith('"')]
    if len(cells) != wanted:
        return bool(begun)
    return any('""' in cell and QUOTED.fullmatch(cell) for cell in begun)


def quote_opened(lines: Sequence[str], delimiter: str) -> int:
    """The index of the line on which the last quoted field of a record begins.

    >>> quote_opened(['1,"two\\n', 'lines","and more\\n', "2,b"], ",")
    1
    """
    opened, state = 0, "start"  # start of a field, plain, inside, or after a closing mark
    for index, line in enumerate(lines):
        for character in line:
            if state == "inside":
                state = "closed" if character == '"' else state
            elif character == '"' and state != "plain":  # closed: the mark is doubled
                opened = index if state == "start" else opened
                state = "inside"
            else:
                state = "start" if character in (delimiter, "\r", "\n") else "plain"
    return opened
