"""Saved predictions: records that the commands wrote with -o, or {id: answer} as SQuAD has it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.data.squad import is_squad_json
from llmcli.data.text_files import read_text
from llmcli.errors import InputError


def read_saved(path: str) -> Iterator[Row]:
    """Yield saved predictions as rows, each with the number and the text of the input's row.

    Takes .jsonl, .csv, .tsv and .parquet; .json is an array of the same records, or an object
    {id: answer}; stdin is JSON lines. The record of a row that failed comes with `error` set. Of
    several results for a row, only the best comes. Raises InputError where the file cannot be
    read.
    """
    if is_squad_json(path):
        records = _json_records(path)
    else:
        records = read_rows(path, (), "jsonl" if path == "-" else None)
    for record in records:
        if record.error is not None:
            yield record
        elif str(record.fields.get("index", 0)) in ("0", ""):
            yield _as_input_row(record)


def match(rows: Iterable[Row], records: Iterable[Row]) -> Iterator[tuple[Row, Row | None]]:
    """Rows with the saved prediction of the same id or, without ids, of the same number."""
    records = list(records)
    by_id = {str(record.fields["id"]): record for record in records if "id" in record.fields}
    by_number = {record.number: record for record in records}
    for row in rows:
        if "id" in row.fields and by_id:
            yield row, by_id.get(str(row.fields["id"]))
        else:
            yield row, by_number.get(row.number)


def _as_input_row(record: Row) -> Row:
    """A record with the number, the texts and the error of the row that it was made of."""
    fields = record.fields
    try:
        number = int(str(fields.get("row")))
    except ValueError:
        number = record.number
    texts = [fields[name] for name in ("text", "question") if isinstance(fields.get(name), str)]
    context = fields.get("context")
    error = fields.get("error") or None
    return replace(
        record,
        number=number,
        text=texts[0] if texts else "",
        pair=context if isinstance(context, str) else None,
        error=None if error is None else str(error),
    )


def _json_records(path: str) -> Iterator[Row]:
    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    if isinstance(content, dict) and all(isinstance(value, str) for value in content.values()):
        content = [{"id": key, "answer": value} for key, value in content.items()]
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise InputError(f"{path} has no predictions: a list of records, or texts by id, is needed")
    for number, fields in enumerate(content, 1):
        yield Row(number, "", fields)
