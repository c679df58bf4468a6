"""The surprisal of each token of a text under a causal model, for texts of any length."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcli import arrays
from llmcli.arrays import Doubles, Integers
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.spec import Overflow
from llmcli.spec.evaluation import PerplexityOptions

LOGITS = 1 << 26  # a batch computes at most so many numbers: tokens times vocabulary
MOST_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens that the model reads in one pass."""

    ids: list[int]
    first: int
    """The first of them that is scored, 1 or more; those before it are its context."""

    @property
    def size(self) -> int:
        """Tokens of the stretch."""
        return len(self.ids)


def stretches(ids: Sequence[int], block: int, stride: int) -> list[Stretch]:
    """Cut N tokens into overlapping stretches in which each token but the first is scored once.

    Each has block - stride tokens before it or more, except those at the beginning of the text.
    stride: less than block.

    >>> [(part.ids, part.first) for part in stretches([0, 1, 2, 3, 4, 5, 6], 4, 2)]
    [([0, 1, 2, 3], 1), ([2, 3, 4, 5], 2), ([4, 5, 6], 2)]
    """
    parts = [Stretch(list(ids[:block]), 1)]
    done = min(block, len(ids))
    while done < len(ids):
        start = done + stride - block
        parts.append(Stretch(list(ids[start : start + block]), done - start))
        done = min(start + block, len(ids))
    return parts


@dataclass(frozen=True, slots=True)
class TextScore:
    """The surprisal of each scored token of a text."""

    row: Row
    ids: list[int]
    """The scored tokens."""
    nats: Doubles
    """(N,) -log p of each, given the tokens before it."""
    starts: Integers
    """(N,) the first character of each in the text."""
    before: list[int]
    """The token before the first scored one, which is given."""
    overflow: Overflow | None = None


@dataclass(frozen=True, slots=True)
class ScoredText:
    """The text of a row, cut into stretches."""

    row: Row
    units: list[Stretch]
    ids: list[int]
    """All tokens, with the one before the first scored one."""
    starts: list[int]
    """The first character of each in the text."""


class Scoring:
    """Scores the texts of rows, in blocks that overlap."""

    window_rows = 64
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: PerplexityOptions) -> None:
        """Raises UsageError for a block that is longer than the context, or too large a stride."""
        if not loaded.tokenizer.is_fast:
            raise ModelUnsuitable(
                f"{loaded.checkpoint.model_id} has a tokenizer that gives no character offsets: "
                "tokens could not be assigned to lines"
            )
        self._loaded = loaded
        self.budget = max(1, LOGITS // (loaded.config.vocab_size or len(loaded.tokenizer)))
        self.block, self.stride = block_and_stride(loaded.context, options)
        start = loaded.tokenizer.bos_token_id
        if options.bos and start is None:
            raise UsageError(
                f"{loaded.checkpoint.model_id} has no beginning-of-text token: leave out `bos`"
            )
        self.start: int | None = None if options.bos is False else start
        """The token that is put before each text."""

    def prepare(self, rows: Sequence[Row]) -> list[ScoredText | Failure]:
        """Tokenize the texts of rows and cut them into stretches."""
        return [self._job(row) for row in rows]

    def _job(self, row: Row) -> ScoredText | Failure:
        ids, starts = self.encode(row.text)
        if len(ids) < 2:
            return Failure(
                row, InputError("the text has fewer than two tokens: there is nothing to predict")
            )
        return ScoredText(row, stretches(ids, self.block, self.stride), ids, starts)

    def encode(self, text: str) -> tuple[list[int], list[int]]:
        """The tokens of a text after `start`, and the first character of each."""
        encoded = self._loaded.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        start = [] if self.start is None else [self.start]
        starts = [0] * len(start) + [first for first, _ in encoded["offset_mapping"]]
        return start + encoded["input_ids"], starts

    def run(self, units: Sequence[Stretch]) -> list[arrays.Floats]:
        """Log-probabilities (n,) of the scored tokens of each stretch."""
        # The batch that the user asked for may have more logits than fit into memory.
        each = max(1, self.budget // max(unit.size for unit in units))
        logprobs: list[arrays.Floats] = []
        for at in range(0, len(units), each):
            some = units[at : at + each]
            counts = [unit.size - unit.first for unit in some]
            logprobs += self._loaded.engine.score([unit.ids for unit in some], counts)
        return logprobs

    def finish(self, job: ScoredText, outputs: Sequence[arrays.Floats]) -> list[TextScore]:
        """Join the stretches of a text."""
        ids, starts = job.ids, job.starts
        nats = -np.concatenate(outputs).astype(np.float64)
        return [TextScore(job.row, ids[1:], nats, np.array(starts[1:], np.int64), ids[:1])]


def block_and_stride(context: int | None, options: PerplexityOptions) -> tuple[int, int]:
    """How many tokens the model reads in one pass, and how many of them are scored.

    Raises UsageError where the model takes fewer, or no token would be left as context.
    """
    block = options.block_size or min(context or MOST_BLOCK, MOST_BLOCK)
    if context is not None and block > context:
        raise UsageError(f"`block_size` {block} is more than the {context} tokens of the model")
    stride = options.stride or block // 2
    if stride >= block:
        raise UsageError(
            f"`stride` {stride} leaves a block of {block} tokens without context: make it smaller"
        )
    return block, stride
