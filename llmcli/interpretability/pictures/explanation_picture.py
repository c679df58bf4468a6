"""The picture of an explanation: its sections below one another, those that can be drawn."""

from functools import partial
from typing import Literal

from llmcli.errors import UsageError, listed
from llmcli.interpretability.explanation import Explanation
from llmcli.interpretability.pictures import drawing
from llmcli.interpretability.pictures.figure import Note, Picture, picture_bytes
from llmcli.interpretability.words import words
from llmcli.spec.explain import SECTIONS, Language, SectionName


def explanation_picture(
    explanation: Explanation, form: Literal["png", "svg"], language: Language, note: Note
) -> bytes:
    """The file of a picture.

    note: receives a line about sections that have no picture, and about characters without a font.
    Raises UsageError where no section has one, InputError without matplotlib.
    """
    drawn = {name: module for name in explanation.sections if (module := drawing(name))}
    others = [name for name in explanation.sections if name not in drawn]
    if not drawn:
        every = [name for name in SECTIONS if drawing(name)]
        raise UsageError(
            f"`sections` {listed(others)} cannot be drawn: write .html, or choose {listed(every)}"
        )
    if others:
        note(f"not in the picture: {', '.join(others)}; .html has all sections")
    pictures = [
        Picture(
            words("explain")[language][f"section.{name}"],
            module.height(explanation.sections[name]),
            partial(_draw, module, explanation, name, language),
        )
        for name, module in drawn.items()
    ]
    return picture_bytes(pictures, form, note)


def _draw(
    module: object, explanation: Explanation, name: SectionName, language: Language, figure: object
) -> None:
    texts = words(name)[language]

    def say(key: str, **values: object) -> str:
        return texts[key].format(**values)

    module.draw(explanation.sections[name], figure, say)  # type: ignore[attr-defined]
