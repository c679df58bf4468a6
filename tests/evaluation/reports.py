"""Rows to evaluate, and the reports that commands make of them."""

import csv
import json

from llmcli.evaluation.examples import Example
from llmcli.evaluation.predictions import Predictions

TEXTS = [
    "the cat sat on mats",
    "a dog ran",
    "who is it ?",
    "it is good .",
    "bad dog",
    "where is this cat ?",
    "this is a good dog . it sat on mats .",
    "mats",
]
LABELS = ["sad", "glad", "mad", "glad", "sad", "glad", "mad", "sad"]
LEVELS = ["easy", "hard"] * 4


def write_rows(path, rows):
    """A .jsonl or .csv file of rows."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


def write_labelled(path):
    """The texts with labels and levels."""
    rows = [
        {"text": text, "label": label, "level": level}
        for text, label, level in zip(TEXTS, LABELS, LEVELS, strict=True)
    ]
    return write_rows(path, rows)


def record_of(result):
    """The record that a command wrote with --json."""
    assert result.stdout and result.exit_code in (0, 1), result.stderr or result.exception
    (record,) = json.loads(result.stdout)
    return record


def values(record):
    """The metrics of a record, by name."""
    return {name: metric["value"] for name, metric in record["metrics"].items()}


def predictions(expected, predicted, confidence=None, labels=()):
    """Predictions with these values, for rows 1 to N."""
    confidence = confidence or [None] * len(expected)
    rows = enumerate(zip(expected, predicted, confidence, strict=True), 1)
    examples = [Example(number, f"text {number}", *value, length=number) for number, value in rows]
    total = len(examples)
    return Predictions("a model", "a file", examples=examples, labels=tuple(labels), total=total)
