"""What measures the examples of a task."""

from typing import Protocol

from llmcli.arrays import Doubles, Integers
from llmcli.evaluation.report import Details


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

    @property
    def details(self) -> Details:
        """What the task reports beside the metrics."""
