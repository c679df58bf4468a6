"""The tour: its steps in order, each computed when it is asked for, and kept."""

from importlib import import_module
from typing import Any

from llmcli.engines.base import Loaded
from llmcli.interpretability.numbers import listed_values
from llmcli.interpretability.tour.course import Course
from llmcli.interpretability.tour.step import STEPS, StepName, TourStep
from llmcli.interpretability.tour.wording import Wording
from llmcli.spec.explain import Language


class Tour:
    """A guided tour of how a language model works, on one sentence."""

    def __init__(self, text: str, subject: Loaded) -> None:
        """text: the sentence. subject: a causal model on torch. Raises as `Course` does."""
        self.course = Course(text, subject)
        self._steps: dict[StepName, TourStep] = {}

    @property
    def text(self) -> str:
        """The sentence, as it was given."""
        return self.course.text

    @property
    def read_text(self) -> str:
        """What the steps after the first look into: the sentence, or its translation where the
        model cannot read it."""
        return self.course.read

    @property
    def model_id(self) -> str:
        """The language model that reads it."""
        return self.course.model_id

    def step(self, name: StepName) -> TourStep:
        """One step: `numbers` is its own dataclass, `checks` says how far they are from the
        model's."""
        if name not in self._steps:
            module: Any = import_module(f"llmcli.interpretability.tour.steps.{name}")
            self._steps[name] = module.step(self.course)
        return self._steps[name]

    @property
    def steps(self) -> tuple[TourStep, ...]:
        """All ten steps, in their order."""
        return tuple(self.step(name) for name in STEPS)

    def to_dict(self, language: Language = "en") -> dict[str, Any]:
        """The tour as JSON has it: each step with its title, question and answer, and its numbers.

        language: of titles, questions and answers.
        """
        wording = Wording(language)
        return {
            "text": self.text,
            "read_text": self.read_text,
            "model": self.model_id,
            "steps": [_record(step, wording) for step in self.steps],
        }


def _record(step: TourStep, wording: Wording) -> dict[str, Any]:
    return {
        "name": step.name,
        "title": wording.title(step),
        "question": wording.fill(step.question.text, step.values),
        "answer": wording.fill(step.question.answer, step.values),
        "commands": list(step.commands),
        "numbers": listed_values(step.numbers),
        "checks": listed_values(step.checks),
    }
