"""How surprising a text is to a causal model, token by token, whatever its length."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llmcli import arrays
from llmcli.arrays import Doubles, Integers
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.spec import Overflow
from llmcli.spec.tasks import PerplexityOptions

LOGITS = 1 << 26  # numbers that a batch computes at most: tokens times vocabulary
MOST_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens that are read at once."""

    ids: list[int]
    first: int
    """The first of them that is scored, 1 or more; those before it are its context."""

    @property
    def size(self) -> int:
        return len(self.ids)


def stretches(ids: Sequence[int], block: int, stride: int) -> list[Stretch]:
    """Cut N tokens so that each but the first is scored once, after block - stride others or more.

    Only at the beginning there are fewer. stride: less than block.

    >>> [(one.ids, one.first) for one in stretches([0, 1, 2, 3, 4, 5, 6], 4, 2)]
    [([0, 1, 2, 3], 1), ([2, 3, 4, 5], 2), ([4, 5, 6], 2)]
    """
    found = [Stretch(list(ids[:block]), 1)]
    done = min(block, len(ids))
    while done < len(ids):
        start = done + stride - block
        found.append(Stretch(list(ids[start : start + block]), done - start))
        done = min(start + block, len(ids))
    return found


@dataclass(frozen=True, slots=True)
class TextScore:
    """The surprisal of each token of a text that was scored."""

    row: Row
    ids: list[int]
    """The scored tokens."""
    nats: Doubles
    """(N,) -log p of each, given those before it."""
    starts: Integers
    """(N,) where each begins in the text, in characters."""
    before: list[int]
    """The token that was given, before the first one that is scored."""
    overflow: Overflow | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """A row, cut into stretches."""

    row: Row
    units: list[Stretch]
    ids: list[int]
    """All tokens, with the one before the first that is scored."""
    starts: list[int]
    """Where each begins in the text."""


class Scoring:
    """What `process` needs to know to score texts."""

    window_rows = 64
    needs_text = True
    copies = 1

    def __init__(self, loaded: Loaded, options: PerplexityOptions) -> None:
        """Raises UsageError for a block that the model does not take, or too great a stride."""
        if not loaded.tokenizer.is_fast:
            raise ModelUnsuitable(
                f"{loaded.checkpoint.model_id} has a tokenizer that does not tell where its "
                "tokens lie: perplexity per line could not be told"
            )
        self._loaded = loaded
        self.budget = max(1, LOGITS // (loaded.config.vocab_size or len(loaded.tokenizer)))
        self.block, self.stride = block_and_stride(loaded.context, options)
        start = loaded.tokenizer.bos_token_id
        if options.bos and start is None:
            raise UsageError(
                f"{loaded.checkpoint.model_id} has no token for the beginning of a text: "
                "leave out --bos"
            )
        self.start: int | None = None if options.bos is False else start
        """The token that is put before each text."""

    def prepare(self, rows: Sequence[Row]) -> list["_Job | Failure"]:
        return [self._job(row) for row in rows]

    def _job(self, row: Row) -> "_Job | Failure":
        ids, starts = self.encode(row.text)
        if len(ids) < 2:
            return Failure(row, InputError("the text has no token with another one before it"))
        return _Job(row, stretches(ids, self.block, self.stride), ids, starts)

    def encode(self, text: str) -> tuple[list[int], list[int]]:
        """The tokens of a text, with the one before it, and where each begins."""
        found = self._loaded.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        start = [] if self.start is None else [self.start]
        starts = [0] * len(start) + [first for first, _ in found["offset_mapping"]]
        return start + found["input_ids"], starts

    def run(self, units: Sequence[Stretch]) -> list[arrays.Floats]:
        """Log-probabilities (n,) of the scored tokens of each stretch."""
        # The user may have asked for a batch of more logits than fit into memory.
        each = max(1, self.budget // max(unit.size for unit in units))
        found: list[arrays.Floats] = []
        for at in range(0, len(units), each):
            some = units[at : at + each]
            counts = [unit.size - unit.first for unit in some]
            found += self._loaded.engine.score([unit.ids for unit in some], counts)
        return found

    def finish(self, job: "_Job", outputs: Sequence[arrays.Floats]) -> list[TextScore]:
        ids, starts = job.ids, job.starts
        nats = -np.concatenate(outputs).astype(np.float64)
        return [TextScore(job.row, ids[1:], nats, np.array(starts[1:], np.int64), ids[:1])]


def block_and_stride(context: int | None, options: PerplexityOptions) -> tuple[int, int]:
    """How many tokens are read, and how many of them scored, at once.

    Raises UsageError where the model does not take so many, or nothing would be left as context.
    """
    block = options.block_size or min(context or MOST_BLOCK, MOST_BLOCK)
    if context is not None and block > context:
        raise UsageError(f"--block-size {block} is more than the {context} tokens of the model")
    stride = options.stride or block // 2
    if stride >= block:
        raise UsageError(
            f"--stride {stride} leaves a block of {block} tokens without context: it is to be less"
        )
    return block, stride
