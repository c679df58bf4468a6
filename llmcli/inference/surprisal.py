"""The surprisal of each token under a causal model, for texts of any length.

A text that is longer than a block is scored in overlapping blocks (a sliding window).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from llmcli import arrays
from llmcli.arrays import Doubles, Integers
from llmcli.data.rows import Failure, Row
from llmcli.decoding.text_config import text_setting
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.spec import Overflow
from llmcli.spec.tasks import BlockOptions
from llmcli.tokenization.typed_text import encode_typed

LOGITS = 1 << 26  # maximum number of logits in a batch: tokens times vocabulary size
DEFAULT_BLOCK = 1024  # tokens; less for a model with a shorter context


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive tokens of a text that the model processes in one forward pass."""

    ids: list[int]
    """The tokens: context first, then those that are scored."""
    first: int
    """Index of the first scored token, 1 or more; the tokens before it are only context."""

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self.ids)


def stretches(ids: Sequence[int], block: int, stride: int) -> list[Stretch]:
    """Cut N tokens into overlapping stretches so that each token but the first is scored once.

    A scored token has at least block - stride tokens of context, except at the start of the text.
    block: maximum tokens per stretch. stride: maximum scored tokens per stretch after the first;
    less than block.

    >>> [(part.ids, part.first) for part in stretches([0, 1, 2, 3, 4, 5, 6], 4, 2)]
    [([0, 1, 2, 3], 1), ([2, 3, 4, 5], 2), ([4, 5, 6], 2)]
    """
    parts = [Stretch(list(ids[:block]), 1)]
    covered = min(block, len(ids))
    while covered < len(ids):
        start = covered + stride - block
        parts.append(Stretch(list(ids[start : start + block]), covered - start))
        covered = min(start + block, len(ids))
    return parts


@dataclass(frozen=True, slots=True)
class TextScore:
    """The surprisal of each scored token of a text."""

    row: Row
    ids: list[int]
    """The scored tokens."""
    nats: Doubles
    """(N,) -log p of each token, given the tokens before it."""
    starts: Integers
    """(N,) the character offset of each token in the text."""
    before: list[int]
    """The token before the first scored one, which is context only."""
    overflow: Overflow | None = None
    """Always None: a long text is scored in blocks, so it never overflows."""


class EncodedText(NamedTuple):
    """The tokens of a text, of which the first is not scored."""

    ids: list[int]
    offsets: list[tuple[int, int]] | None
    """First character of each token and the one after its last; None if they are not known."""
    added: int
    """1 if the first token is no part of the text: the beginning-of-text token, put before it."""


@dataclass(frozen=True, slots=True)
class ScoredText:
    """The text of a row, cut into stretches."""

    row: Row
    units: list[Stretch]
    encoded: EncodedText


class Scoring:
    """Scores the texts of rows in overlapping blocks."""

    window_rows = 64
    needs_text = True
    needs_offsets = True
    copies = 1

    def __init__(self, loaded: Loaded, options: BlockOptions) -> None:
        """Check the options against the model.

        Raises UsageError for a block that is longer than the context, a stride that is not less
        than the block, or `bos` without such a token; ModelUnsuitable for a tokenizer
        without character offsets, where they are needed.
        """
        if self.needs_offsets and not loaded.tokenizer.is_fast:
            raise ModelUnsuitable(
                f"{loaded.checkpoint.model_id} has a tokenizer that gives no character offsets: "
                "tokens could not be assigned to lines"
            )
        self._loaded = loaded
        self.budget = max(
            1, LOGITS // (text_setting(loaded.config, "vocab_size") or len(loaded.tokenizer))
        )
        self.block, self.stride = block_and_stride(loaded.context, options)
        start = loaded.tokenizer.bos_token_id
        if options.bos and start is None:
            raise UsageError(
                f"{loaded.checkpoint.model_id} has no beginning-of-text token: leave out `bos`"
            )
        self.start: int | None = None if options.bos is False else start
        """The token that is put before each text, or None."""

    def prepare(self, rows: Sequence[Row]) -> list[ScoredText | Failure]:
        """Tokenize the texts of rows and cut them into stretches.

        A text of fewer than two tokens becomes a Failure.
        """
        return [self._job(row) for row in rows]

    def _job(self, row: Row) -> ScoredText | Failure:
        encoded = self.encode(row.text)
        if len(encoded.ids) < 2:
            return Failure(
                row, InputError("the text has fewer than two tokens: there is nothing to predict")
            )
        return ScoredText(row, stretches(encoded.ids, self.block, self.stride), encoded)

    def encode(self, text: str) -> EncodedText:
        """Tokenize a text with `start` before it, unless it is typed there already."""
        tokenizer = self._loaded.tokenizer
        has_offsets = bool(tokenizer.is_fast)
        encoding = encode_typed(
            tokenizer, text, add_special_tokens=False, return_offsets_mapping=has_offsets
        )
        ids: list[int] = encoding["input_ids"]
        prefix = [] if self.start is None or ids[:1] == [self.start] else [self.start]
        offsets = [(0, 0)] * len(prefix) + encoding["offset_mapping"] if has_offsets else None
        return EncodedText(prefix + ids, offsets, len(prefix))

    def run(self, units: Sequence[Stretch]) -> list[arrays.Floats]:
        """Log-probabilities (n,) of the scored tokens of each stretch."""
        # A batch size that the user set may need more memory for logits than there is.
        batch_size = max(1, self.budget // max(unit.size for unit in units))
        logprobs: list[arrays.Floats] = []
        for first in range(0, len(units), batch_size):
            batch = units[first : first + batch_size]
            counts = [unit.size - unit.first for unit in batch]
            logprobs += self._loaded.engine.score([unit.ids for unit in batch], counts)
        return logprobs

    def finish(self, job: ScoredText, outputs: Sequence[arrays.Floats]) -> list[TextScore]:
        """Join the scores of the stretches of a text."""
        ids, offsets, _ = job.encoded
        nats = -np.concatenate(outputs).astype(np.float64)
        starts = np.array([start for start, _ in (offsets or ())[1:]], np.int64)
        return [TextScore(job.row, ids[1:], nats, starts, ids[:1])]


def block_and_stride(context: int | None, options: BlockOptions) -> tuple[int, int]:
    """The number of tokens per forward pass, and by how many the window moves.

    Raises UsageError if the block exceeds the model's context length, or if the stride is not less
    than the block, which would leave no token as context.
    """
    block = options.block_size or min(context or DEFAULT_BLOCK, DEFAULT_BLOCK)
    if context is not None and block > context:
        raise UsageError(f"`block_size` {block} is more than the {context} tokens of the model")
    stride = options.stride or block // 2
    if stride >= block:
        raise UsageError(
            f"`stride` {stride} leaves a block of {block} tokens without context: make it smaller"
        )
    return block, stride
