"""The pseudo-log-likelihood of a text: each token, masked in turn, given all others.

Source: Salazar et al. 2020, "Masked Language Model Scoring".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError, UsageError
from llmcli.inference.encoding import Fitting, Window, collate, encode, input_limit, pad_token
from llmcli.inference.masked_logprobs import logprobs_at, mask_token_id, masked_budget
from llmcli.inference.scoring.causal import too_long
from llmcli.inference.scoring.reports import TokenNats
from llmcli.inference.surprisal import block_and_stride
from llmcli.spec import Overflow
from llmcli.spec.tasks import BlockOptions


@dataclass(frozen=True, slots=True)
class MaskedToken:
    """A window of a text, one token of which is masked."""

    window: Window
    at: int
    """Position of the token in the window."""

    @property
    def size(self) -> int:
        """Number of tokens of the window."""
        return self.window.size


@dataclass(frozen=True, slots=True)
class MaskedText:
    """A row: a unit for each of its tokens."""

    row: Row
    units: list[MaskedToken]
    whole: Window
    """The text in one window."""
    overflow: Overflow | None


def scored_parts(length: int, room: int, stride: int) -> list[tuple[int, range]]:
    """The start of each window of `room` tokens over a text, and the tokens that are scored in it.

    A token is scored in the window in whose middle it is, so that it has context on both sides:
    (room - stride) / 2 tokens at least, except at the ends of the text.

    >>> scored_parts(10, 6, 2)
    [(0, range(0, 4)), (2, range(4, 6)), (4, range(6, 10))]
    """
    last = max(0, length - room)
    starts = [*range(0, last, stride), last]
    inner = [(start + room + following) // 2 for start, following in pairwise(starts)]
    edges = pairwise([0, *inner, length])
    return [(start, range(*edge)) for start, edge in zip(starts, edges, strict=True)]


class MaskedScorer:
    """Scores texts by a masked language model, one masked token in each input."""

    window_rows = 16

    def __init__(self, loaded: Loaded, options: BlockOptions, on_overflow: Overflow) -> None:
        """on_overflow: `window`, or `error` for texts longer than a block.

        Raises ModelUnsuitable for a model without a mask token; UsageError for `bos`, and for a
        block or a stride that cannot be.
        """
        if options.bos is not None:
            raise UsageError(
                f"`bos` is for causal models: {loaded.checkpoint.model_id} is a masked one, which "
                "reads its own tokens around each text"
            )
        self._loaded, self._on_overflow = loaded, on_overflow
        self._mask_id = mask_token_id(loaded, "to predict tokens with")
        self._pad = pad_token(loaded)
        self.block, self.stride = block_and_stride(input_limit(loaded), options)
        self.budget = masked_budget(loaded)

    def prepare(self, rows: Sequence[Row]) -> list[MaskedText | Failure]:
        """Tokenize rows, and cut those that are longer than a block into windows."""
        texts = [row.text for row in rows]
        encoded = encode(
            self._loaded.tokenizer, texts, [None] * len(rows), Fitting(None, self._on_overflow)
        )
        jobs: list[MaskedText | Failure] = []
        for row, result in zip(rows, encoded, strict=True):
            if isinstance(result, InputError):
                jobs.append(Failure(row, result))
            else:
                jobs.append(self._job(row, result.windows[0]))
        return jobs

    def _job(self, row: Row, whole: Window) -> MaskedText | Failure:
        count = len(whole.content)
        around = whole.size - count
        room = self.block - around
        if not count:
            return Failure(row, InputError("the text has no token that the model knows"))
        if room < 1:
            return Failure(row, InputError(f"a block of {self.block} tokens has no room for text"))
        if count > room and self._on_overflow == "error":
            return Failure(row, too_long(whole.size, self.block))
        units = [
            MaskedToken(window, at)
            for start, scored in scored_parts(count, room, min(self.stride, room))
            for window in [_part(whole, start, min(start + room, count))]
            for at in (whole.content.start + token - start for token in scored)
        ]
        return MaskedText(row, units, whole, "window" if count > room else None)

    def run(self, units: Sequence[MaskedToken]) -> list[float]:
        """The log-probability of the masked token of each unit."""
        # A batch size that the user set may need more memory for logits than there is.
        each = max(1, self.budget // max(unit.size for unit in units))
        logprobs: list[float] = []
        for first in range(0, len(units), each):
            logprobs += self._logprobs(units[first : first + each])
        return logprobs

    def _logprobs(self, units: Sequence[MaskedToken]) -> list[float]:
        inputs = collate([unit.window for unit in units], self._pad)
        ids = inputs["input_ids"]  # (B, T)
        rows, places = np.arange(len(units)), np.array([unit.at for unit in units])
        tokens = ids[rows, places]  # (B,)
        ids[rows, places] = self._mask_id
        positions = np.zeros(ids.shape, np.bool_)
        positions[rows, places] = True
        found: list[float] = logprobs_at(self._loaded, inputs, positions)[rows, tokens].tolist()
        return found

    def nats(self, job: MaskedText, outputs: Sequence[float]) -> TokenNats:
        """The surprisal of each token of a text, given all others of its window."""
        whole = job.whole
        ids = whole.ids[whole.content.start : whole.content.stop]
        return TokenNats(job.row, ids, -np.array(outputs), whole.offsets or None, job.overflow)


def _part(whole: Window, start: int, end: int) -> Window:
    """Some tokens of a text with the special tokens around it."""
    content = whole.content
    if (start, end) == (0, len(content)):
        return whole
    before, after = content.start + start, content.start + end
    return replace(
        whole,
        ids=whole.ids[: content.start] + whole.ids[before:after] + whole.ids[content.stop :],
        types=whole.types
        and whole.types[: content.start] + whole.types[before:after] + whole.types[content.stop :],
        content=range(content.start, content.start + end - start),
        start=start,
        offsets=whole.offsets[start:end],
    )
