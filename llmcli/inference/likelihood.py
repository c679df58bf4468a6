"""Score alternative continuations of a text with a causal model."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmcli.arrays import Floats
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError
from llmcli.inference.batches import Job
from llmcli.inference.encoding import Fitting, cut_text
from llmcli.spec import Overflow
from llmcli.tokenization.typed_text import encode_text, encode_typed


@dataclass(frozen=True, slots=True)
class Ending:
    """A text followed by one of the alternative endings."""

    ids: list[int]
    scored: int
    """Number of tokens at the end that are scored: all after the prefix that the endings share."""

    @property
    def size(self) -> int:
        """Number of tokens, without padding."""
        return len(self.ids)


class Likelihood:
    """Log-probability of each of several endings, each on a new line after a text.

    The tokens that all endings start with are not scored: they are the same for each.
    """

    def __init__(self, loaded: Loaded, endings: Sequence[str], on_overflow: Overflow) -> None:
        self._loaded, self._on_overflow = loaded, on_overflow
        self._tails = [self._ids("\n" + ending, special=False) for ending in endings]
        self._shared = _common_prefix_length(self._tails)

    def _ids(self, text: str, *, special: bool = True) -> list[int]:
        if special:
            return encode_text(self._loaded.tokenizer, text)
        encoding = encode_typed(self._loaded.tokenizer, text, add_special_tokens=False)
        ids: list[int] = encoding["input_ids"]
        return ids

    def job(self, row: Row) -> Job[Ending] | Failure:
        """Prepare a row: a unit for each ending after each part of its text."""
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
        """Ids of parts of a text, each with room for any ending; how an overflow was handled."""
        ids = self._ids(text)
        context, longest = self._loaded.context, max(map(len, self._tails))
        if context is None or len(ids) + longest <= context:
            return [ids], None
        special = len(ids) - len(self._ids(text, special=False))
        fitting = Fitting(context - longest - special, self._on_overflow)
        parts = cut_text(self._loaded.tokenizer, text, fitting)
        return [self._ids(part)[: context - longest] for part in parts], self._on_overflow

    def logprobs(self, units: Sequence[Ending]) -> list[Floats]:
        """Log-probability () of the scored tokens of each unit, in nats."""
        rows, counts = [unit.ids for unit in units], [unit.scored for unit in units]
        return [logprobs.sum() for logprobs in self._loaded.engine.score(rows, counts)]


def _common_prefix_length(tails: Sequence[Sequence[int]]) -> int:
    """How many tokens all endings start with: the words of the template before the label."""
    longest = max(0, min(map(len, tails)) - 1)  # at least one token is scored
    return next(
        (index for index in range(longest) if len({tail[index] for tail in tails}) > 1), longest
    )
