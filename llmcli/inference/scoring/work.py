"""The work of scoring rows: by one model, or by two side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from llmcli.data.rows import Failure, Row
from llmcli.inference.scoring.reports import Reporter, TokenNats
from llmcli.inference.scoring.results import Score


class Scorer(Protocol):
    """How one kind of model computes the surprisal of tokens: the steps of `batches.Work`."""

    window_rows: int
    budget: int

    def prepare(self, rows: Sequence[Row]) -> Sequence[Any]:
        """Tokenize rows: a job or a failure for each."""

    def run(self, units: Sequence[Any]) -> Sequence[Any]:
        """Run the model once on a batch. Returns an output for each unit."""

    def nats(self, job: Any, outputs: Sequence[Any]) -> TokenNats:
        """Join the outputs of the units of a job. If it raises LlmcliError, the row fails."""


class Alone:
    """Scores rows by one model."""

    needs_text = True
    copies = 1

    def __init__(self, scorer: Scorer, reporter: Reporter) -> None:
        self.window_rows, self.budget = scorer.window_rows, scorer.budget
        self.prepare, self.run = scorer.prepare, scorer.run
        self._scorer, self._reporter = scorer, reporter

    def finish(self, job: Any, outputs: Sequence[Any]) -> list[Score]:
        """The result of a row."""
        return [self._reporter.score(self._scorer.nats(job, outputs))]


@dataclass(frozen=True, slots=True)
class SidedUnit:
    """An input of one of two models."""

    side: int
    """0 or 1."""
    unit: Any
    size: int
    """Number of tokens, without padding."""


@dataclass(frozen=True, slots=True)
class Both:
    """A row, prepared for two models."""

    row: Row
    jobs: tuple[Any, Any]
    units: list[SidedUnit]
    overflow = None


class SideBySide:
    """Scores rows by two models, whose results are joined for each row."""

    needs_text = True
    copies = 2

    def __init__(self, scorers: Sequence[Scorer], reporters: Sequence[Reporter]) -> None:
        """Two of each."""
        self.window_rows = min(scorer.window_rows for scorer in scorers)
        self.budget = min(scorer.budget for scorer in scorers)
        self._scorers, self._reporters = scorers, reporters

    def prepare(self, rows: Sequence[Row]) -> list[Both | Failure]:
        """Tokenize rows for both models; a row that fails for one of them fails."""
        pairs = zip(*(scorer.prepare(rows) for scorer in self._scorers), strict=True)
        return [self._both(first, second) for first, second in pairs]

    def _both(self, first: Any, second: Any) -> Both | Failure:
        for job in (first, second):
            if isinstance(job, Failure):
                return job
        units = [
            SidedUnit(side, unit, unit.size)
            for side, job in enumerate((first, second))
            for unit in job.units
        ]
        return Both(first.row, (first, second), units)

    def run(self, units: Sequence[SidedUnit]) -> list[Any]:
        """Run each model on its units of a batch."""
        outputs: list[Any] = [None] * len(units)
        for side, scorer in enumerate(self._scorers):
            own = [at for at, unit in enumerate(units) if unit.side == side]
            results = scorer.run([units[at].unit for at in own]) if own else ()
            for at, result in zip(own, results, strict=True):
                outputs[at] = result
        return outputs

    def finish(self, job: Both, outputs: Sequence[Any]) -> list[Score]:
        """The result of a row."""
        cut = len(job.jobs[0].units)
        parts = (outputs[:cut], outputs[cut:])
        nats = [
            scorer.nats(own, part)
            for scorer, own, part in zip(self._scorers, job.jobs, parts, strict=True)
        ]
        first, second = self._reporters
        return [first.score_beside(nats[0], second, nats[1])]
