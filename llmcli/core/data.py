"""Rows of text from files: .txt .jsonl .csv .tsv, plain or packed with gzip or xz."""

import csv
import gzip
import io
import json
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from llmcli.errors import InputError

KINDS = (".txt", ".jsonl", ".csv", ".tsv")
PIECE_CHARS = 1 << 20  # of a long .txt document, at a time


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data file, or what was wrong with it."""

    number: int
    """Its line, counted from 1; for .csv and .tsv the line on which it ends."""
    text: str
    fields: dict[str, Any] = field(default_factory=dict)
    """The whole row, its text included, where the format has fields."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that nothing could be made of, and why."""

    row: Row
    error: str


def read_rows(path: str, column: str = "text") -> Iterator[Row]:
    """Yield the rows of `path` in order, holding one at a time. `-` is stdin, a text a line.

    A row that cannot be used (broken JSON, no such column, bytes that are not UTF-8) comes
    with `error` set. Raises InputError, at once, if the file cannot be opened, and later if it
    turns out to be damaged.
    """
    kind = ".txt" if path == "-" else data_kind(path)
    if path != "-":
        open_text(path).close()
    return _rows(path, kind, column)


def _rows(path: str, kind: str, column: str) -> Iterator[Row]:
    with open_text(path) as file, _damage_explained(path):
        if kind == ".txt":
            yield from _checked(_lines(file))
        elif kind == ".jsonl":
            yield from _checked(_json_lines(file, column))
        else:
            yield from _checked(_table(file, column, path, "\t" if kind == ".tsv" else ","))


@contextmanager
def _damage_explained(path: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}") from None


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a document; `last` marks the document's end."""

    text: str
    last: bool


def read_documents(path: str, column: str = "text") -> Iterator[Piece]:
    """Yield training text: a .txt file is one document, in pieces; elsewhere a row is one.

    Raises InputError for the first row that cannot be used: training data is to be whole.
    """
    if data_kind(path) != ".txt":
        for row in read_rows(path, column):
            if row.error is not None:
                raise InputError(f"{path}, line {row.number}: {row.error}")
            yield Piece(row.text, last=True)
        return
    with open_text(path) as file, _damage_explained(path):
        ahead = "".join(file.readlines(PIECE_CHARS))
        while ahead:
            text, ahead = ahead, "".join(file.readlines(PIECE_CHARS))
            if not _is_unicode(text):
                raise InputError(f"{path} is not UTF-8 text: convert it, with iconv for example")
            yield Piece(text, last=not ahead)


def data_kind(path: str) -> str:
    """The suffix that says how to read `path`: `.csv` for `reviews.csv.xz`."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in KINDS:
        raise InputError(f"cannot tell what {path} is by its name: use one of {' '.join(KINDS)}")
    return suffixes[-1]


_PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}


def open_text(path: str) -> TextIO:
    """Open for reading; bytes that are not UTF-8 become lone surrogates, found later.

    Raises InputError if it is not there or may not be read.
    """
    how: dict[str, Any] = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}
    if path == "-":
        if sys.stdin is None:
            raise InputError("stdin is closed: give a file")
        return io.TextIOWrapper(sys.stdin.buffer, **how)
    opener = _PACKED.get(Path(path).suffix.lower(), open)
    try:
        file: TextIO = opener(path, "rt", **how)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    return file


def _lines(file: TextIO) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        yield Row(number, line.rstrip("\r\n"))


def _json_lines(file: TextIO, column: str) -> Iterator[Row]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:  # ValueError: not JSON, or a huge number
            yield Row(number, "", error=f"not JSON: {error}")
            continue
        if not isinstance(fields, dict):
            yield Row(number, "", error=f"not a JSON object but {type(fields).__name__}")
        elif column not in fields:
            yield Row(number, "", fields, error=f"no field {column!r}; it has {_names(fields)}")
        elif not isinstance(fields[column], str):
            kind = type(fields[column]).__name__
            yield Row(number, "", fields, error=f"field {column!r} is {kind}, not text")
        else:
            yield Row(number, fields[column], fields)


def _table(file: TextIO, column: str, path: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)  # the most that all platforms take
    reader = csv.DictReader(file, delimiter=delimiter, strict=True)
    try:
        if column not in (reader.fieldnames or ()):
            names = _names(dict.fromkeys(reader.fieldnames or ()))
            raise InputError(
                f"{path} has no column {column!r}; it has {names}: name one by --column"
            )
        for fields in reader:
            if None in fields or None in fields.values():
                yield Row(reader.line_num, "", error="not as many fields as the header")
            else:
                yield Row(reader.line_num, fields[column], dict(fields))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from None


def _checked(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        if not _is_unicode(row.text + json.dumps(row.fields, ensure_ascii=False)):
            yield Row(row.number, "", error="not valid UTF-8")
        else:
            yield row


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _names(fields: dict[str, Any]) -> str:
    return ", ".join(map(repr, fields)) or "none"
