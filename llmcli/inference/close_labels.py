"""Labels that rounding may have changed: rows whose scores are close are computed in float32.

A logit in bfloat16 or int8 is off by a little, so a label that leads by less than what that can
change is not certain. The whole row decides: the mean over the windows of a long text, or the
labels of a zero-shot classification against one another.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from llmcli.arrays import Floats
from llmcli.engines.base import ERRORS, Engine, Loaded
from llmcli.errors import LlmcliError
from llmcli.inference.encoding import Window, collate

ERROR = ERRORS["bfloat16"]
AT_ONCE = 4096  # tokens, padding included, that are computed again together
WIDER = 1.5  # times the largest error that was seen, where that exceeds the known one
UNSURE = 1 / 3
"""Share of close texts in a batch from which float32 alone is faster than both."""

IsClose = Callable[[Any, Sequence[Floats], float], bool]
"""From a job, the logits of its units and what these may be off by to whether a label may have
changed."""


class Recheck:
    """Computes in float32 what was close otherwise. Only for models with an exact engine.

    Where the first batch of a window of rows has many close texts, the rest of the window is
    computed in float32 at once. Nothing is remembered from one window to the next, so that a
    resumed run computes what an uninterrupted one does.
    """

    def __init__(
        self,
        loaded: Loaded,
        pad: int,
        is_close: IsClose,
        is_unit_close: Callable[[Floats, float], bool] | None = None,
    ) -> None:
        """is_unit_close: whether a text of one window with these logits (L,) is close; None: that
        does not show before the other windows."""
        self._loaded, self._pad = loaded, pad
        self._is_close, self._is_unit_close = is_close, is_unit_close
        self._exact: set[int] = set()
        self._is_first, self._is_unsure = True, False

    def begin(self) -> None:
        """A window of rows begins."""
        self._exact.clear()
        self._is_first, self._is_unsure = True, False

    def logits(self, windows: Sequence[Window]) -> Floats:
        """Logits (B, L) of a batch, in float32 once the window has shown to be unsure."""
        exact = self._loaded.exact
        engine = exact if self._is_unsure and exact is not None else self._loaded.engine
        return _logits(engine, windows, self._pad)

    def watch(self, units: Sequence[Any], outputs: Sequence[Any]) -> None:
        """See what a batch gave, computed now or by an earlier run."""
        if self._loaded.exact is None or self._is_unit_close is None:
            return
        if self._is_unsure:
            self._exact.update(map(id, units))
        elif self._is_first:
            error = self._loaded.exact_error
            close = [
                isinstance(each, LlmcliError) or self._is_unit_close(each, error)
                for each in outputs
            ]
            self._is_unsure = sum(close) > UNSURE * len(close)
        self._is_first = False

    def settle(self, jobs: Sequence[Any], outputs: Sequence[list[Any]]) -> list[list[Any]]:
        """The outputs of a window's jobs, those of close ones computed again.

        If one was off by more than is known of this arithmetic, more of them count as close.
        """
        settled = list(outputs)
        if self._loaded.exact is None:
            return settled
        error, done = self._loaded.exact_error, set(self._settled(jobs, outputs))
        while True:
            close = [
                at
                for at, job in enumerate(jobs)
                if at not in done and self._is_close(job, outputs[at], error)
            ]
            seen = self._replace(settled, jobs, close)
            done.update(close)
            if not close or seen <= error:
                return settled
            error = WIDER * seen

    def _settled(self, jobs: Sequence[Any], outputs: Sequence[list[Any]]) -> list[int]:
        """Jobs that are exact already, or have failed."""
        return [
            at
            for at, job in enumerate(jobs)
            if all(id(unit) in self._exact for unit in job.units)
            or any(isinstance(each, LlmcliError) for each in outputs[at])
        ]

    def _replace(
        self, settled: list[list[Any]], jobs: Sequence[Any], close: Sequence[int]
    ) -> float:
        """Compute some jobs again; returns by how much their logits were off, at the most."""
        windows = [getattr(unit, "window", unit) for at in close for unit in jobs[at].units]
        new = iter(self._again(windows))
        seen = 0.0
        for at in close:
            old, settled[at] = settled[at], [next(new) for _ in jobs[at].units]
            for before, after in zip(old, settled[at], strict=True):
                if not isinstance(after, LlmcliError):
                    seen = max(seen, float(np.abs(after - before).max()))
        return seen

    def _again(self, windows: Sequence[Window]) -> list[Any]:
        """Logits (L,) of each window in float32, or its error."""
        order = sorted(range(len(windows)), key=lambda at: -windows[at].size)
        outputs: dict[int, Any] = {}
        while len(outputs) < len(order):
            rest = order[len(outputs) :]
            batch = rest[: max(1, AT_ONCE // windows[rest[0]].size)]
            outputs.update(zip(batch, self._batch([windows[at] for at in batch]), strict=True))
        return [outputs[at] for at in range(len(windows))]

    def _batch(self, windows: Sequence[Window]) -> list[Any]:
        assert self._loaded.exact is not None
        try:
            return list(_logits(self._loaded.exact, windows, self._pad))
        except LlmcliError as error:
            if len(windows) == 1:
                return [error]
            return [output for window in windows for output in self._batch([window])]


def _logits(engine: Engine, windows: Sequence[Window], pad: int) -> Floats:
    logits = engine.forward(collate(windows, pad)).logits  # (B, L)
    assert logits is not None  # a classifier has them
    return logits


def is_close_softmax(scores: Floats, weights: Sequence[float], error: float = ERROR) -> bool:
    """Whether errors of logits could change the best of mean probabilities, a softmax each.

    scores: (W, L), of each window. weights: of the windows in the mean. error: of a logit.
    The lead of label a over c changes by at most `error` times the sum of the absolute derivatives:
    p_a (1 - p_a + p_c) + p_c (1 - p_c + p_a) + (1 - p_a - p_c) |p_a - p_c|, to first order.
    """
    mean = _mean(scores, weights)  # (L,)
    best = int(mean.argmax())
    lead = scores[:, best, None]  # (W, 1)
    slope = lead * (1 - lead + scores) + scores * (1 - scores + lead)  # (W, L)
    slope = slope + (1 - lead - scores) * np.abs(lead - scores)
    return _is_close(mean[best] - mean, _mean(slope, weights) * error, best)


def is_close_sigmoid(
    scores: Floats, weights: Sequence[float], error: float = ERROR, *, logits: int = 1
) -> bool:
    """The same for labels on their own, which are also close if a score is near one half.

    logits: how many of them make a score; each may be off.
    """
    mean = _mean(scores, weights)  # (L,)
    best = int(mean.argmax())
    change = _mean(scores * (1 - scores), weights) * error * logits  # (L,)
    if (np.abs(mean - 0.5) < change).any():
        return True
    return _is_close(mean[best] - mean, change[best] + change, best)


def _is_close(leads: Floats, changes: Floats, best: int) -> bool:
    """Whether one of the leads (L,) of the best label is below what errors can change."""
    return bool(np.delete(leads < changes, best).any())


def _mean(values: Floats, weights: Sequence[float]) -> Floats:
    mean: Floats = np.average(values, axis=0, weights=weights)
    return mean
