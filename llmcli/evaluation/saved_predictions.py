"""Saved predictions: records that the commands wrote with -o, or {id: answer} as SQuAD has it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from llmcli.data.formats import input_format
from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.data.text_files import open_text, start_of
from llmcli.errors import InputError
from llmcli.evaluation.fields import shown
from llmcli.evaluation.labels import label_text
from llmcli.spec import FileOptions


def read_saved(path: str, columns: Sequence[str] = ()) -> Iterator[Row]:
    """Yield saved predictions as rows, each with the number and the text of the input's row.

    Takes every format of rows; .json may also be an object {id: answer}; stdin is JSON lines. The
    record of a row that failed comes with `error` set. Of several results for a row, only the best
    comes. Raises InputError where the file cannot be read.
    """
    records = _by_id(path)
    if records is None:
        files = FileOptions(input_format="jsonl") if path == "-" else FileOptions()
        records = read_rows(path, (), files)
    for record in records:
        if record.error is not None:
            yield record
        elif str(record.fields.get("index", 0)) in ("0", ""):
            yield _as_input_row(record, columns)


def match(rows: Iterable[Row], records: Iterable[Row], limit: int | None = None) -> "Matches":
    """Rows, each with its saved prediction. limit: the rows are only so many of their file.

    By id where each row and each record has one of its own; else by the number of the input's row
    that the commands write as `row`; without that by their order. Raises InputError where this
    does not work out: a record for a row that has another text, or not as many records as rows.
    """
    rows = list(rows)
    records = [record for record in records if record.fields]  # the others cannot be read
    ids, own = _ids(rows), _ids(records)
    has_ids = any("id" in row.fields for row in rows) and any("id" in r.fields for r in records)
    if ids is not None and own is not None:
        by_id = dict(zip(own, records, strict=True))
        return Matches([(row, by_id.get(key)) for row, key in zip(rows, ids, strict=True)])
    if all("row" in record.fields for record in records):
        by_number = {record.number: record for record in records}
        pairs = [(row, by_number.get(row.number)) for row in rows]
        way = "the number of the row"
    elif len(rows) == len(records[:limit]):
        pairs = list(zip(rows, records, strict=False))
        way = "their order"
    else:
        raise InputError(
            f"{len(records):,} predictions for {len(rows):,} rows, without `row` and without an "
            "`id` of each that says which is whose"
        )
    _require_same_texts(pairs)
    why = "ids are missing, empty or repeated: " if has_ids else ""
    return Matches(pairs, f"{why}predictions are matched by {way}" if has_ids else "")


@dataclass(frozen=True, slots=True)
class Matches:
    """Rows, each with its saved prediction; None where it has none."""

    pairs: list[tuple[Row, Row | None]]
    note: str = ""
    """A choice that the user should know of."""


def _ids(rows: Sequence[Row]) -> list[str] | None:
    """The ids of rows as text; None unless each has one, and no two the same."""
    ids = []
    for row in rows:
        if row.error is not None and not row.fields:  # it cannot be read, and fails by itself
            ids.append(f"\0{row.number}")
            continue
        try:
            ids.append(label_text(row.fields.get("id")))
        except InputError:
            return None
    return ids if len(set(ids)) == len(ids) else None


def _require_same_texts(pairs: Iterable[tuple[Row, Row | None]]) -> None:
    for row, record in pairs:
        texts = (row.text, record.text) if record is not None else ("", "")
        if all(texts) and texts[0].split() != texts[1].split():
            raise InputError(
                f"{row.where} is {shown(texts[0])}, but the prediction that belongs to it is for "
                f"{shown(texts[1])}: give both files the same rows, or each row an `id`"
            )


def _as_input_row(record: Row, columns: Sequence[str]) -> Row:
    """A record with the number, the texts and the error of the row that it was made of."""
    fields = record.fields
    try:
        number = int(str(fields.get("row")))
    except ValueError:
        number = record.number
    names = ("text", "question", *columns)
    texts = [fields[name] for name in names if isinstance(fields.get(name), str)]
    context = fields.get("context")
    error = fields.get("error") or None
    return replace(
        record,
        number=number,
        text=texts[0] if texts else "",
        pair=context if isinstance(context, str) else None,
        error=None if error is None else str(error),
    )


def _by_id(path: str) -> Iterator[Row] | None:
    """The rows of an object {id: answer}, which is held in memory; None for another file."""
    if path == "-" or input_format(path) != "json":
        return None
    with open_text(path) as file:
        if not start_of(file).lstrip().startswith("{"):
            return None
        try:
            content = json.load(file)
        except (ValueError, RecursionError):  # objects one after another, or an error of a row
            return None
    if not all(isinstance(value, str) for value in content.values()):
        return None
    answers = enumerate(content.items(), 1)
    return (Row(number, "", {"id": key, "answer": value}) for number, (key, value) in answers)
