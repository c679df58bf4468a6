"""Text: a line, or a few, for each record."""

from typing import TextIO

from llmcli.data.records import Record, print_to, text_of
from llmcli.data.writers import Layout


class Writer:
    """Writes the text of each record."""

    def __init__(self, file: TextIO, layout: Layout) -> None:
        self._file, self._render = file, layout.as_text

    def write(self, record: Record) -> None:
        print_to(self._file, text_of(record, self._render) + "\n")

    def close(self) -> list[str]:
        return []
