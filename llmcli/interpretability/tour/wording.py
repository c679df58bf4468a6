"""The texts of the tour in one language, with their values."""

from collections.abc import Mapping

from llmcli.interpretability.checks import SelfCheck
from llmcli.interpretability.tour.blocks import Text
from llmcli.interpretability.tour.step import STEPS, TourStep
from llmcli.interpretability.words import words
from llmcli.spec.explain import Language


class Wording:
    """Fills the texts of words/learn.json."""

    def __init__(self, language: Language) -> None:
        self._language: Language = language
        self._texts = words("learn")[language]

    def of(self, key: str, **values: object) -> str:
        """A text of the tour as a whole."""
        return self._texts[key].format(**values)

    def fill(self, text: Text, values: Mapping[str, str]) -> str:
        """A text of a step. values: the step's."""
        return self._texts[text.key].format(**{**values, **text.values})

    def title(self, step: TourStep) -> str:
        """The heading of a step."""
        title = self._texts[f"{step.name}_title"]
        return self.of("step_heading", number=step.number, count=len(STEPS), title=title)

    def check(self, check: SelfCheck) -> str:
        """A check with its error, in one line."""
        section, _, key = check.name.partition(".")
        return self.of(
            "check",
            name=words(section)[self._language][key],
            error=f"{check.error:.7f}",
            verdict=self.of("holds" if check.holds else "fails"),
        )

    def is_right(self, guess: str, step: TourStep) -> bool | None:
        """Whether a guess is right, capitals and spaces aside; None where that is not judged."""
        accepted = [
            self.fill(each, step.values) if isinstance(each, Text) else each
            for each in step.question.accepted
        ]
        if not accepted:
            return None
        return _plain(guess) in {_plain(each) for each in accepted}


def _plain(text: str) -> str:
    return text.strip(" \t'\"“”.!！。").casefold() or text.strip()
