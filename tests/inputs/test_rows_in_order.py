"""Every command gives a result for each row that it reads, in order, whatever the texts hold."""

import csv
import json
import random
import shlex

import pytest

from tests.inputs.case import READERS
from tests.inputs.test_inputs import TEXTS

WORDS = (
    'say "hi"',
    "a,b;c|d",
    "'",
    "#",
    "\ufeff",
    "电影",
    "😀",
    "1.0",
    "N/A",
    "=1+1",
    "a\nb",
    "a\tb",
)


def texts(count):
    """Texts of any length, with all that is special in some format; `fill` needs the [MASK]."""
    draw = random.Random(0)
    parts = [[draw.choice(WORDS) for _ in range(draw.randint(0, 4))] for _ in range(count)]
    return [" ".join(["the", *part, "[MASK]"]) for part in parts]


@pytest.mark.parametrize("command", READERS)
def test_rows_come_out_as_they_went_in(command, run, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = texts(12)
    with open("a.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "text"), *enumerate(rows)])
    line = READERS[command]
    name = line[line.index("{") + 1 : line.index("}")]
    line = line.replace(f"{{{name}}}", str(request.getfixturevalue(name)))
    result = run(*shlex.split(line), "-i", "a.csv", "-o", "out.jsonl", "-q")
    with open("out.jsonl", encoding="utf-8") as file:
        records = [json.loads(record) for record in file]
    assert [int(record["id"]) for record in records] == list(range(12))
    for record, text in zip(records, rows, strict=True):
        if "error" in record:
            assert result.exit_code == 1 and record["text"] == text
        else:
            assert next(record[field] for field in TEXTS if field in record) == text
