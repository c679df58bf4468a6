"""How many rows may fail before a run stops, and the error that says which did."""

from dataclasses import dataclass
from typing import Any

import click

from llmcli.data.done import Done
from llmcli.errors import RowsFailed, TooManyFailed

ENOUGH = 100  # rows after which a share of them means something


class ErrorCount(click.ParamType):  # type: ignore[type-arg]  # generic in new releases alone
    """A number of rows, or a share of them as in 5%, which becomes a float."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """An int, or a float from 0 to 1."""
        text = str(value).strip()
        try:
            if not text.endswith("%"):
                number: int | float = int(text)
            else:
                number = float(text[:-1]) / 100
        except ValueError:
            number = -1
        if number < 0 or (isinstance(number, float) and not number <= 1):
            self.fail(f"{value!r} is neither a number of rows nor a share such as 5%", param, ctx)
        return number


@dataclass(frozen=True, slots=True)
class ErrorLimit:
    """How many rows of a source may fail."""

    most: int | float | None
    """A number of rows, or as a float a share of them; None: any number."""
    source: str | None
    """The file that the rows come from, for messages."""

    def check(self, done: Done) -> None:
        """Raise TooManyFailed if more of the rows so far have failed than may."""
        if self.most is None:
            return
        most = self.most if isinstance(self.most, int) else self.most * done.total
        if done.failed > most and (isinstance(self.most, int) or done.total >= ENOUGH):
            raise TooManyFailed(*self._counts(done), self.most)

    def require_all(self, done: Done) -> None:
        """Raise RowsFailed if some of all rows have failed."""
        if done.failed:
            raise RowsFailed(*self._counts(done))

    def _counts(self, done: Done) -> tuple[int, int, list[str]]:
        name = "stdin" if self.source == "-" else self.source or "row"
        return done.failed, done.total, [f"{name}:{row} ({why})" for row, why in done.reasons]
