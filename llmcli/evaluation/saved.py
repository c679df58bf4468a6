"""Predictions that were saved: what the commands write with -o, or {id: answer} as SQuAD has it."""

import json
from collections.abc import Iterator
from dataclasses import replace

from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.data.squad import is_squad_json
from llmcli.data.text_files import read_text
from llmcli.errors import InputError
from llmcli.spec import InputFormat


def read_saved(path: str) -> Iterator[Row]:
    """Yield saved predictions as rows: each with the number of the input's row, and its text.

    Takes .jsonl, .csv, .tsv and .parquet; .json is an array of the same records, or an object
    {id: answer}; stdin is JSON lines. A record of a row that failed comes with `error` set. Of
    several results for a row, only the best one comes. Raises InputError where the file cannot be
    read.
    """
    form: InputFormat | None = "jsonl" if path == "-" else None
    rows = _json(path) if is_squad_json(path) else read_rows(path, (), form)
    for row in rows:
        if row.error is None and str(row.fields.get("index", 0)) in ("0", ""):
            yield _named(row)
        elif row.error is not None:
            yield row


def _named(row: Row) -> Row:
    fields = row.fields
    number = fields.get("row")
    try:
        number = int(str(number))
    except ValueError:
        number = row.number
    text = next(
        (fields[name] for name in ("text", "question") if isinstance(fields.get(name), str)), ""
    )
    pair = fields.get("context")
    error = fields.get("error") or None
    return replace(
        row,
        number=number,
        text=text,
        pair=pair if isinstance(pair, str) else None,
        error=None if error is None else str(error),
    )


def _json(path: str) -> Iterator[Row]:
    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from None
    if isinstance(content, dict) and all(isinstance(one, str) for one in content.values()):
        content = [{"id": key, "answer": value} for key, value in content.items()]
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise InputError(f"{path} has no predictions: a list of records, or texts by id, is needed")
    for number, fields in enumerate(content, 1):
        yield Row(number, "", fields)
