"""How many rows of a run are done, and how they ended."""

from dataclasses import dataclass, field

from llmcli.data.records import ERROR, Record, is_error

SHOWN_REASONS = 3  # of the rows that failed


@dataclass
class Done:
    """How many rows were done, and how they ended."""

    total: int = 0
    failed: int = 0
    overflowed: int = 0
    unknown: int = 0
    """Rows whose texts the model cannot read."""
    reasons: list[tuple[int, str]] = field(default_factory=list)
    """Number and error of the first rows that failed."""

    def fail(self, row: int, error: str) -> None:
        """Count a row that failed."""
        self.failed += 1
        if len(self.reasons) < SHOWN_REASONS:
            self.reasons.append((row, error))

    def count(self, record: Record) -> None:
        """Count a row by its first record."""
        self.total += 1
        if is_error(record):
            self.fail(record["row"], str(record[ERROR]))
        self.overflowed += record.get("overflow") is not None
        self.unknown += record.get("unknown") is not None
