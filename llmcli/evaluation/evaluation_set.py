"""The rows that a model is evaluated on."""

from collections.abc import Iterable
from dataclasses import dataclass

from llmcli.data.rows import Row


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Rows with their expected values."""

    rows: Iterable[Row]
    name: str
    """Of the file, as reports show it."""
    is_document: bool = False
    """There is one row, a whole text; its lines are measured separately."""
    limit: int | None = None
    """How many lines of a document to measure; None: all."""
