"""JSON: all records as one array, even if there is only one."""

from typing import TextIO

from llmcli.data.records import Record, print_to, to_json
from llmcli.data.writers import Layout


class Writer:
    """Writes records as the elements of an array."""

    def __init__(self, file: TextIO, layout: Layout) -> None:
        self._file, self._before = file, "[\n"

    def write(self, record: Record) -> None:
        print_to(self._file, self._before + to_json(record, indent=2))
        self._before = ",\n"

    def close(self) -> list[str]:
        print_to(self._file, "[]\n" if self._before == "[\n" else "\n]\n")
        return []
