"""What measures the examples of a task."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from llmcli.arrays import Bools, Doubles, Integers
from llmcli.evaluation.report import Details


@dataclass(frozen=True, slots=True)
class Share:
    """A metric that is the share of the examples that count, such as the accuracy."""

    counts: Bools
    """(N,) which examples count."""
    whole: float = 1.0
    """The value of the metric if all count: 1, or 100 for percent."""


class Scorer(Protocol):
    """The metrics of a task's examples, over any selection of them: for slices and bootstrap."""

    names: tuple[str, ...]
    """Of the metrics."""
    quality: Doubles
    """(N,) how good each prediction is: higher is better."""
    is_right: bool
    """Quality 1 means that the prediction is right, and less that it is not."""

    def scores(self, rows: Integers) -> list[float]:
        """The value of each metric over the examples with these numbers, which may repeat."""

    shares: Mapping[str, Share]
    """Those of the metrics that are shares of the examples."""
    no_interval: tuple[str, ...]
    """Metrics of which no interval is known that holds the value often enough."""

    @property
    def details(self) -> Details:
        """What the task reports beside the metrics."""
