"""Write a tour to a file: a page, or its numbers as JSON."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from llmcli.data.write_errors import whole_file
from llmcli.interpretability.tour.blocks import Formula
from llmcli.interpretability.tour.formulas import FORMULAS
from llmcli.interpretability.tour.step import STEPS, TourStep
from llmcli.interpretability.tour.tour import Tour
from llmcli.interpretability.words import words
from llmcli.interpretability.write_page import Check, Page, Section, page_html
from llmcli.spec.explain import Language


def write_tour(tour: Tour, path: Path, language: Language) -> None:
    """Write a tour as the file's name says, .html or .json, complete or not at all.

    language: the one that the page opens in. Raises InputError, DiskFull.
    """
    if path.suffix.lower() == ".html":
        text = page_html(tour_page(tour, language))
    else:
        text = json.dumps(tour.to_dict(language), ensure_ascii=False, indent=1) + "\n"
    with whole_file(path) as file:
        file.write(text.encode())


def tour_page(tour: Tour, language: Language) -> Page:
    """The page of a tour: a section for each step, in both languages."""
    titles: dict[str, str] = {code: texts["title"] for code, texts in words("learn").items()}
    return Page(
        titles=titles,
        language=language,
        sections=[_section(step) for step in tour.steps],
        facts=[("model", tour.model_id)],
        checks=[
            Check(check.name, check.error, check.tolerance, check.holds)
            for step in tour.steps
            for check in step.checks
        ],
        intro=("learn", "page_intro"),
    )


def _section(step: TourStep) -> Section:
    data: dict[str, Any] = {
        each.name: getattr(step, each.name) for each in fields(step) if each.name != "numbers"
    }
    blocks = (*step.before, *step.after)
    names = [block.name for block in blocks if isinstance(block, Formula)]
    data |= {
        "number": step.number,
        "count": len(STEPS),
        "formulas": {name: FORMULAS[name].mathml for name in names},
        "checks": [check.to_dict() for check in step.checks],
    }
    return Section(
        step.name, data, module="learn", words="learn", title=("learn", f"{step.name}_title")
    )
