"""Where the records of a command go: to a stream, or into the part of a file."""

from typing import Any, Protocol

from llmcli.cli.chosen_fields import ChosenFields
from llmcli.data.done import Done
from llmcli.data.records import Record
from llmcli.data.writers import RecordWriter
from llmcli.spec import BatchStore


class Records(Protocol):
    """Where the records of one run go."""

    after: int
    """Rows up to this number were written by an earlier run."""
    done: Done
    columns: tuple[str, ...]
    """The columns of .csv where there is no row."""

    @property
    def drawn(self) -> dict[str, Any]:
        """What an earlier run drew at random."""

    @property
    def batches(self) -> BatchStore | None:
        """Keeps the outputs of batches, where the run can be resumed."""

    def write(self, record: Record) -> None: ...

    def remember(self, drawn: dict[str, Any]) -> None:
        """Keep what was drawn at random for a run that resumes this one."""

    def forbid_resuming(self, reason: str) -> None:
        """Note that the records so far may be wrong."""


class Stream:
    """Records that go to stdout, a pipe or a device."""

    def __init__(self, writer: RecordWriter) -> None:
        self._writer = writer
        self.after = 0
        self.done = Done()
        self.drawn: dict[str, Any] = {}
        self.columns: tuple[str, ...] = ()
        self.batches: BatchStore | None = None

    def write(self, record: Record) -> None:
        self._writer.write(record)

    def remember(self, drawn: dict[str, Any]) -> None: ...

    def forbid_resuming(self, reason: str) -> None: ...


class CheckedRecords:
    """Records that must have the fields of --fields."""

    def __init__(self, records: Records, chosen: ChosenFields) -> None:
        self._records, self._chosen = records, chosen
        self.after, self.done = records.after, records.done
        self.columns: tuple[str, ...] = ()

    @property
    def drawn(self) -> dict[str, Any]:
        """What an earlier run drew at random."""
        return self._records.drawn

    @property
    def batches(self) -> BatchStore | None:
        """Keeps the outputs of batches, where the run can be resumed."""
        return self._records.batches

    def write(self, record: Record) -> None:
        """Write a record. Raises UsageError for a field that it does not have."""
        self._chosen.check(record)
        self._records.write(record)

    def remember(self, drawn: dict[str, Any]) -> None:
        """Keep what was drawn at random."""
        self._records.remember(drawn)

    def forbid_resuming(self, reason: str) -> None:
        """Note that the records so far may be wrong."""
        self._records.forbid_resuming(reason)
