"""The page of an explanation."""

from collections.abc import Iterator
from typing import Any

from llmcli.interpretability.explanation import Explanation
from llmcli.interpretability.page_data import BUDGET, pack
from llmcli.interpretability.sections import SectionResult, section
from llmcli.interpretability.words import in_all_languages, words
from llmcli.interpretability.write_page import Check, Page, Section, Side
from llmcli.spec.explain import LANGUAGES, SECTIONS, Language, SectionName

MOST_OF_TEXT = 60  # characters of the text in the title
REST = 60_000  # bytes of a section without a budget of its own


def explanation_page(explanation: Explanation, language: Language) -> Page:
    """The page of an explanation, with all its sections in the order of the registry.

    language: the one that is shown at first.
    """
    last = len(explanation.sides) - 1
    sides = [
        Side(
            [token.name for token in side.tokens],
            side.ids,
            side.name,
            explanation.position if at == last else 0,
        )
        for at, side in enumerate(explanation.sides)
    ]
    return Page(
        titles={each: _title(explanation, each) for each in LANGUAGES},
        language=language,
        sections=list(_sections(explanation)),
        sides=sides,
        facts=list(_facts(explanation)),
        checks=[
            Check(each.name, each.error, each.tolerance, each.holds) for each in explanation.checks
        ],
    )


def _title(explanation: Explanation, language: Language) -> str:
    title = words("explain")[language]["title"].format(model=explanation.subject.model_id)
    text = " ".join(explanation.text.split())
    if len(text) > MOST_OF_TEXT:
        text = f"{text[:MOST_OF_TEXT]}…"
    return words("page")[language]["title"].format(title=title, text=text)


def _facts(explanation: Explanation) -> Iterator[tuple[str, Any]]:
    subject = explanation.subject
    for key in ("revision", "architecture", "layers", "heads", "width", "vocabulary", "parameters"):
        value = getattr(subject, key)
        if value is not None:
            yield key, f"{value:,}" if isinstance(value, int) else value
    yield "dtype", subject.dtype


def _sections(explanation: Explanation) -> Iterator[Section]:
    for name in SECTIONS:
        title = ("explain", f"section.{name}")
        if name in explanation.sections:
            yield Section(name, _data(name, explanation.sections[name]), title=title)
        elif name in explanation.undefined:
            reason = in_all_languages(name, explanation.undefined[name])
            yield Section(name, reason=reason, title=title)


def _data(name: SectionName, result: SectionResult) -> Any:
    """What the section's module draws: `page_data(result, bytes)` of its Python module, if it has
    one, else all fields of the result; checks are in the header."""
    reduce = getattr(section(name), "page_data", None)
    data = pack(result) if reduce is None else pack(reduce(result, BUDGET.get(name, REST)))
    notes = [in_all_languages(name, note) for note in result.notes]
    return {key: value for key, value in data.items() if key != "checks"} | {"notes": notes}
