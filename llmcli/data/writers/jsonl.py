"""JSON Lines: an object a line."""

from typing import TextIO

from llmcli.data.records import Record, print_to, to_json
from llmcli.data.writers import Layout


class Writer:
    """Writes each record as one line of JSON."""

    def __init__(self, file: TextIO, layout: Layout) -> None:
        self._file = file

    def write(self, record: Record) -> None:
        print_to(self._file, to_json(record) + "\n")

    def close(self) -> list[str]:
        return []
