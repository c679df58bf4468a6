"""How likely it is, for a causal model, that a text goes on in one of several ways."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmcli.arrays import Floats
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError
from llmcli.inference.batches import Job
from llmcli.inference.encoding import Fitting, cut_text
from llmcli.spec import Overflow


@dataclass(frozen=True, slots=True)
class Ending:
    """A text, and one way in which it may go on."""

    ids: list[int]
    scored: int
    """How many tokens at the end are not the same in all ways."""

    @property
    def size(self) -> int:
        return len(self.ids)


class Likelihood:
    """The log-probability of each of some endings, on a line of their own after a text.

    Only the tokens from the first on in which the endings differ are counted.
    """

    def __init__(self, loaded: Loaded, endings: Sequence[str], on_overflow: Overflow) -> None:
        self._loaded, self._on_overflow = loaded, on_overflow
        self._tails = [self._ids("\n" + ending, special=False) for ending in endings]
        self._shared = _common_prefix(self._tails)

    def _ids(self, text: str, *, special: bool = True) -> list[int]:
        found = self._loaded.tokenizer(text, add_special_tokens=special, verbose=False)
        ids: list[int] = found["input_ids"]
        return ids

    def job(self, row: Row) -> Job[Ending] | Failure:
        """A row made ready: for each part of its text, a unit for each ending."""
        try:
            parts, overflow = self._parts(row.text)
        except InputError as error:
            return Failure(row, error)
        units = [
            Ending([*part, *tail], len(tail) - self._shared)
            for part in parts
            for tail in self._tails
        ]
        return Job(row, units, overflow)

    def _parts(self, text: str) -> tuple[list[list[int]], Overflow | None]:
        ids = self._ids(text)
        context, tail = self._loaded.context, max(map(len, self._tails))
        if context is None or len(ids) + tail <= context:
            return [ids], None
        around = len(ids) - len(self._ids(text, special=False))
        fitting = Fitting(context - tail - around, self._on_overflow)
        parts = cut_text(self._loaded.tokenizer, text, fitting)
        return [self._ids(part)[: context - tail] for part in parts], self._on_overflow

    def logprobs(self, units: Sequence[Ending]) -> list[Floats]:
        """Log-probability () of each ending, in nats."""
        rows, counts = [unit.ids for unit in units], [unit.scored for unit in units]
        return [one.sum() for one in self._loaded.engine.score(rows, counts)]


def _common_prefix(tails: Sequence[Sequence[int]]) -> int:
    """How many tokens all endings begin with, the words of the template before the label."""
    shortest = min(map(len, tails)) - 1  # one token at least is scored
    return next(
        (at for at in range(shortest) if len({tail[at] for tail in tails}) > 1), max(0, shortest)
    )
