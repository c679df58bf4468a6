"""Classify many rows and write them to a CSV file with their other fields.

Rows come from anywhere: a database, an API, `DataFrame.to_dict("records")`. They are classified in
batches while they are read, so that any number of them fits into memory. A row that cannot be used
does not stop the others.
"""

import csv
import sys

import llmcli

REVIEWS = [
    {"id": 1, "review": "A moving story with wonderful actors."},
    {"id": 2, "review": "I fell asleep after ten minutes."},
    {"id": 3, "review": ""},
    {"id": 4, "review": "The best film of the year!"},
    {"id": 5, "review": None},
]


def main() -> None:
    """Write id, label and score of each review, or why it failed."""
    writer = csv.DictWriter(
        sys.stdout,
        ["id", "label", "score", "error"],
        extrasaction="ignore",
        lineterminator="\n",
    )
    writer.writeheader()
    results = llmcli.classify(llmcli.rows(REVIEWS, "review"), on_error="yield")
    for result in results:
        record = result.to_dict()  # what `llmcli classify --json` prints
        if isinstance(result, llmcli.Classification):
            record["score"] = f"{result.score:.2f}"
        writer.writerow(record)


if __name__ == "__main__":
    main()
