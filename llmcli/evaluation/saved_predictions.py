"""Saved predictions: records that the commands wrote with -o, or {id: answer} as SQuAD has it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from llmcli.data.formats import input_format
from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.data.text_files import open_text, start_of
from llmcli.spec import FileOptions


def read_saved(path: str) -> Iterator[Row]:
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
