"""How a terminal shows the sections of an explanation, a file each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from llmcli.cli.output import Output
from llmcli.cli.wrapping import wrapped
from llmcli.interpretability.explanation import Explanation
from llmcli.interpretability.words import in_all_languages, words
from llmcli.spec.explain import Language, SectionName

WIDTH = 80  # columns


@dataclass(frozen=True, slots=True)
class View:
    """Where a section is shown, and what it is part of."""

    out: Output
    explanation: Explanation
    language: Language

    def words(self, name: str) -> Mapping[str, str]:
        """The texts of a section, in the language of the view."""
        return words(name)[self.language]

    def paragraph(self, text: str) -> None:
        """Write running text, in lines of at most 80 columns."""
        for line in wrapped(text, WIDTH):
            self.out.line(line)

    def say(self, name: str) -> Callable[..., str]:
        """The texts of a section as a function: say("attention")("layer", number=1)."""
        texts = self.words(name)
        return lambda key, **values: texts[key].format(**values)


Show = Callable[[Any, View], None]
"""Shows a section's result, in at most 80 columns."""


def show_section(name: SectionName, view: View) -> None:
    """Show what a section found, below its title."""
    module = f"{__name__}.{name.replace('-', '_')}"
    show: Show = import_module(module).show
    heading(view, view.words("explain")[f"section.{name}"])
    show(view.explanation.sections[name], view)


def heading(view: View, title: str) -> None:
    """Write the title of a section, with an empty line around it."""
    view.out.line()
    view.out.styled([(title, {"bold": True}), ("\n", {})])
    view.out.line()


def show_header(view: View) -> None:
    """Write what is explained: the model, its size, and the position."""
    texts, subject = view.words("explain"), view.explanation.subject
    view.out.styled([(texts["title"].format(model=subject.model_id), {"bold": True}), ("\n", {})])
    view.paragraph(
        texts["shape"].format(
            layers=subject.layers,
            heads=subject.heads,
            width=subject.width,
            vocabulary=f"{subject.vocabulary:,}" if subject.vocabulary else None,
            parameters=f"{subject.parameters:,}",
            dtype=subject.dtype,
        )
    )
    if subject.revision is not None:
        view.out.line(texts["revision"].format(revision=subject.revision))


def show_checks(view: View) -> None:
    """Write each check with its error, and what the model does not have."""
    explanation, texts = view.explanation, view.words("explain")
    if explanation.checks:
        heading(view, texts["checks"])
    for check in explanation.checks:
        section, _, key = check.name.partition(".")
        verdict = texts["holds" if check.holds else "fails"]
        name = view.words(section)[key]
        line = texts["check"].format(name=name, error=f"{check.error:.2g}", verdict=verdict)
        view.out.styled([(line, {"fg": "blue"} if check.holds else {"fg": "yellow", "bold": True})])
        view.out.line()
    if explanation.undefined:
        heading(view, texts["undefined"])
    for name, reason in explanation.undefined.items():
        said = in_all_languages(name, reason)[view.language]
        view.paragraph(texts["not_defined"].format(section=texts[f"section.{name}"], reason=said))
