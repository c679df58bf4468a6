"""The surprisal of each token given those before it, by a causal model."""

from collections.abc import Sequence

import numpy as np

from llmcli.arrays import Floats
from llmcli.data.rows import Failure, Row
from llmcli.engines.base import Loaded
from llmcli.errors import InputError
from llmcli.inference.scoring.reports import TokenNats
from llmcli.inference.surprisal import ScoredText, Scoring
from llmcli.spec import Overflow
from llmcli.spec.tasks import BlockOptions


class CausalScorer(Scoring):
    """Scores texts in overlapping blocks, as the perplexity of `evaluate` does."""

    needs_offsets = False

    def __init__(self, loaded: Loaded, options: BlockOptions, on_overflow: Overflow) -> None:
        """on_overflow: `window`, or `error` for texts longer than a block. Raises as `Scoring`."""
        super().__init__(loaded, options)
        self._on_overflow = on_overflow

    def prepare(self, rows: Sequence[Row]) -> list[ScoredText | Failure]:
        """As `Scoring.prepare`; a text that is too long may become a Failure."""
        return [self._checked(job) for job in super().prepare(rows)]

    def _checked(self, job: ScoredText | Failure) -> ScoredText | Failure:
        if isinstance(job, Failure) or len(job.units) == 1 or self._on_overflow == "window":
            return job
        return Failure(job.row, too_long(len(job.encoded.ids), self.block))

    def nats(self, job: ScoredText, outputs: Sequence[Floats]) -> TokenNats:
        """The surprisal of the tokens of a text; NaN for a first one that nothing comes before."""
        ids, offsets, added = job.encoded
        nats = -np.concatenate(outputs).astype(np.float64)
        return TokenNats(
            job.row,
            ids[added:],
            nats if added else np.concatenate([[np.nan], nats]),
            None if offsets is None else offsets[added:],
            "window" if len(job.units) > 1 else None,
        )


def too_long(size: int, block: int) -> InputError:
    """The error of a text with more tokens than a block, where windows are not wanted."""
    return InputError(
        f"the text has {size:,} tokens, a block {block:,}: shorten it, or use `on_overflow`=window"
    )
