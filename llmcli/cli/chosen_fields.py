"""The fields of --fields: checked with the first record, then written in their order."""

from llmcli.data.records import ERROR, Record, cell, is_error
from llmcli.data.writers import RecordWriter
from llmcli.errors import UsageError, listed
from llmcli.spec import Format

SOMETIMES = ("unknown", ERROR)
"""Fields that only some records have."""


class ChosenFields:
    """Makes records of the chosen fields alone."""

    def __init__(self, names: tuple[str, ...], form: Format) -> None:
        self.names = names
        self._keeps_error = form in ("json", "jsonl")
        self._is_checked = False

    def check(self, record: Record) -> None:
        """Raise UsageError if the first record that is no error lacks a field."""
        if self._is_checked or is_error(record):
            return
        self._is_checked = True
        known = {**record, **dict.fromkeys(SOMETIMES)}
        unknown = [name for name in self.names if name not in known]
        if unknown:
            raise UsageError(
                f"`fields`: there is no field {unknown[0]!r}; a record has "
                f"{listed(record, limit=100)}"
            )

    def select(self, record: Record) -> Record:
        """The chosen fields of a record; of a failed row its error too, where it has a place."""
        names = [*self.names]
        if self._keeps_error and is_error(record) and ERROR not in names:
            names.append(ERROR)
        return {name: record.get(name) for name in names}

    def text(self, record: Record) -> str:
        """The values of a record in one line, with tabs between them."""
        cells = (str(cell(record.get(name))) for name in self.names)
        return "\t".join(" ".join(text.split()) for text in cells)


class ChoosingWriter:
    """Writes the chosen fields of records."""

    def __init__(self, writer: RecordWriter, chosen: ChosenFields) -> None:
        self._writer, self._chosen = writer, chosen

    def write(self, record: Record) -> None:
        """Write a record. Raises UsageError for a field that it does not have."""
        self._chosen.check(record)
        self._writer.write(self._chosen.select(record))

    def close(self) -> list[str]:
        """End the output; no field was left out that was asked for."""
        self._writer.close()
        return []
