"""Rows of text from files: .txt .jsonl .csv .tsv .parquet, plain or packed with gzip or xz."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llmcli.data import lines
from llmcli.data.lines import (
    PACKED,
    TOO_LONG,
    Lines,
    TooLong,
    damage_explained,
    decoded,
    each_line,
    is_unicode,
    open_binary,
    open_text,
    place_in,
)
from llmcli.errors import InputError, LlmcliError
from llmcli.spec import InputFormat

KINDS = (".txt", ".jsonl", ".csv", ".tsv", ".parquet")
PIECE_CHARS = 1 << 20  # of a long .txt document, at a time
PARQUET_ROWS = 256  # held at a time


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a data file, or what was wrong with it."""

    number: int
    """Its line, counted from 1; for .csv and .tsv the line on which it ends; for .parquet its
    place in the file."""
    text: str
    fields: dict[str, Any] = field(default_factory=dict)
    """The whole row, its texts included, where the format has fields."""
    error: str | None = None
    pair: str | None = None
    """The second text, where two columns were asked for."""
    columns: tuple[str, ...] = ()
    """The fields that the text and its pair came from."""
    characters: int = 0
    """What the row takes with all its fields, where that was counted."""
    place: float | None = None
    """How much of the file had been read with this row, from 0 to 1; None where unknown."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that nothing could be made of, and why."""

    row: Row
    cause: LlmcliError

    @property
    def error(self) -> str:
        """The reason, in one line."""
        return str(self.cause)


def failed(row: Row) -> Failure:
    """The failure of a row that could not even be read."""
    return Failure(row, InputError(row.error or ""))


def read_rows(
    path: str, columns: str | Sequence[str] = "text", form: InputFormat | None = None
) -> Iterator[Row]:
    """Yield the rows of `path` in order, holding one at a time. `-` is stdin.

    columns: the field with the text, or two for a text and its pair; none: rows come with their
    fields alone. form: what the file is;
    None: what its name says, and of stdin, a text a line.
    A row that cannot be used (broken JSON, no such column, bytes that are not UTF-8, more than
    MAX_ROW characters) comes with `error` set. Raises InputError, at once, if the file cannot
    be opened, and later if it turns out to be damaged.
    """
    columns = (columns,) if isinstance(columns, str) else tuple(columns)
    if form is not None:
        kind = f".{form}"
    else:
        kind = ".txt" if path == "-" else data_kind(path)
    if kind == ".parquet" and path == "-":
        raise InputError("Parquet is read from files alone: stdin cannot be searched")
    if kind == ".txt" and len(columns) > 1:
        raise InputError(f"{path} has one text a line: for pairs of texts use .jsonl or .csv")
    if path != "-":
        if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
            raise InputError(f"{path} is no regular file: pipe it in, with --input -")
        open_binary(path).close()
    if kind == ".parquet":
        parquet_library()
    return _rows(path, kind, columns)


def _rows(path: str, kind: str, columns: tuple[str, ...]) -> Iterator[Row]:
    if kind == ".parquet":
        yield from _checked(_parquet(path, columns), lambda: None)
        return
    with open_binary(path) as file, damage_explained(path):
        source = Lines(decoded(path, file))
        if kind == ".txt":
            rows = _plain_lines(source)
        elif kind == ".jsonl":
            rows = _json_lines(source, columns)
        else:
            rows = _table(source, columns, path, "\t" if kind == ".tsv" else ",")
        yield from _checked(rows, place_in(path, file))


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a document; `last` marks the document's end."""

    text: str
    last: bool


def read_documents(path: str, column: str = "text") -> Iterator[Piece]:
    """Yield texts as they are: .txt, or stdin, is one document, in pieces; elsewhere a row is one.

    Raises InputError for the first row that cannot be used: they are to be whole.
    """
    if path != "-" and data_kind(path) != ".txt":
        for row in read_rows(path, column):
            if row.error is not None:
                raise InputError(f"{path}, line {row.number}: {row.error}")
            yield Piece(row.text, last=True)
        return
    with open_text(path) as file, damage_explained(path):
        ahead = "".join(file.readlines(PIECE_CHARS))
        while ahead:
            text, ahead = ahead, "".join(file.readlines(PIECE_CHARS))
            if not is_unicode(text):
                raise InputError(f"{path} is not UTF-8 text: convert it, with iconv for example")
            yield Piece(text, last=not ahead)


def data_kind(path: str) -> str:
    """The suffix that says how to read `path`: `.csv` for `reviews.csv.xz`."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    if not suffixes or suffixes[-1] not in KINDS:
        raise InputError(f"cannot tell what {path} is by its name: use one of {' '.join(KINDS)}")
    return suffixes[-1]


def _plain_lines(source: Lines) -> Iterator[Row]:
    for number, line in each_line(source):
        if line is None:
            yield Row(number, "", error=TOO_LONG)
        else:
            yield Row(number, line.rstrip("\r\n"))


def _json_lines(source: Lines, columns: tuple[str, ...]) -> Iterator[Row]:
    for number, line in each_line(source):
        if line is None:
            yield Row(number, "", error=TOO_LONG)
        elif line.strip():
            yield _json_row(number, line, columns)


def _json_row(number: int, line: str, columns: tuple[str, ...]) -> Row:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, or a huge number
        return Row(number, "", error=f"not JSON: {error}")
    if not isinstance(fields, dict):
        return Row(number, "", error=f"not a JSON object but {type(fields).__name__}")
    return _from_fields(number, fields, columns)


def _from_fields(number: int, fields: dict[str, Any], columns: tuple[str, ...]) -> Row:
    for column in columns:
        if column not in fields:
            return Row(number, "", fields, f"no field {column!r}; it has {_names(fields)}")
        if not isinstance(fields[column], str):
            kind = type(fields[column]).__name__
            return Row(number, "", fields, f"field {column!r} is {kind}, not text")
    pair = fields[columns[1]] if len(columns) > 1 else None
    text = fields[columns[0]] if columns else ""
    return Row(number, text, fields, pair=pair, columns=columns)


def _table(source: Lines, columns: tuple[str, ...], path: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(lines.MAX_ROW)
    reader = csv.DictReader(source, delimiter=delimiter, strict=True)
    try:
        _require_columns(path, columns, list(reader.fieldnames or ()))
    except (csv.Error, TooLong) as error:
        raise InputError(f"{path} has no header that can be read: {error}") from None
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except TooLong:
            yield Row(source.number, "", error=TOO_LONG)
        except csv.Error as error:
            yield Row(source.number, "", error=f"not CSV: {error}")
        else:
            if None in fields or None in fields.values():
                yield Row(source.number, "", error="not as many fields as the header")
            else:
                yield _from_fields(source.number, dict(fields), columns)


def _parquet(path: str, columns: tuple[str, ...]) -> Iterator[Row]:
    parquet = parquet_library()
    from pyarrow import ArrowException

    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            _require_columns(path, columns, file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(batch_size=PARQUET_ROWS, use_threads=False):
                for fields in _plain(batch):
                    number += 1
                    row = _from_fields(number, fields, columns)
                    yield replace(row, place=number / file.metadata.num_rows)
    except (ArrowException, OSError, OverflowError) as error:
        raise InputError(f"{path} is damaged: {str(error).splitlines()[0]}") from None


def _plain(batch: Any) -> list[dict[str, Any]]:
    """The rows of a batch as Python values; a column that has none (nanoseconds) as text."""
    columns: dict[str, list[Any]] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            columns[name] = column.to_pylist()
        except ValueError:
            columns[name] = column.cast("string").to_pylist()
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def parquet_library() -> Any:
    """pyarrow.parquet. Raises InputError, with the cure, where it is not installed."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise InputError(
            "Parquet files need the pyarrow package: pip install 'llmcli[parquet]'"
        ) from None
    return parquet


def _require_columns(path: str, columns: tuple[str, ...], names: list[str]) -> None:
    for column in columns:
        if names.count(column) > 1:
            raise InputError(f"{path} has several columns {column!r}")
        if column not in names:
            known = _names(dict.fromkeys(names))
            raise InputError(
                f"{path} has no column {column!r}; it has {known}: name one by --column"
            )


def _checked(rows: Iterator[Row], place: Callable[[], float | None]) -> Iterator[Row]:
    """Mark rows that are no text, and say how far the file was read."""
    for row in rows:
        error, whole = row.error, row.text
        if row.fields:
            if _is_deep(row.fields):
                row, error, whole = Row(row.number, ""), "nested too deeply", ""
            else:
                whole = json.dumps(row.fields, ensure_ascii=False, default=str)
        if not is_unicode(whole):
            row, error = Row(row.number, ""), "not valid UTF-8"
        elif max(len(row.text), len(row.pair or "")) > lines.MAX_ROW:
            row, error = Row(row.number, ""), TOO_LONG
        at = place() if row.place is None else row.place
        yield Row(row.number, row.text, row.fields, error, row.pair, row.columns, len(whole), at)


DEEPEST = 50  # lists and objects in one another: more than data has, less than Python can write


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, (list, dict))
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (list, dict))
        ]
        if not level:
            return False
    return True


def _names(fields: dict[str, Any]) -> str:
    return ", ".join(map(repr, fields)) or "none"
