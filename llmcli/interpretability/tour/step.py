"""A step of the tour: what is asked, what is answered, the command that does it, the numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.tour.blocks import Block, Question

StepName = Literal[
    "tokens",
    "embedding",
    "head",
    "heads",
    "masks",
    "layers",
    "sampling",
    "loss",
    "ngrams",
    "translation",
]
STEPS: tuple[StepName, ...] = get_args(StepName)
"""All steps, in their order."""


@dataclass(frozen=True, slots=True)
class TourStep:
    """One step of the tour, in no language: its texts are keys of words/learn.json."""

    name: StepName
    before: tuple[Block, ...]
    """What is explained before the question."""
    question: Question
    after: tuple[Block, ...]
    """The answer, and what shows it."""
    commands: tuple[str, ...]
    """Command lines that do the same, without the program's name."""
    numbers: Any
    """The step's own dataclass: all that its texts and tables are made of."""
    values: Mapping[str, str]
    """What stands in the places of its texts, in every language."""
    checks: tuple[SelfCheck, ...] = field(default=())
    """How far the numbers are from the model's own."""

    @property
    def number(self) -> int:
        """Its place in the tour, from 1."""
        return STEPS.index(self.name) + 1
