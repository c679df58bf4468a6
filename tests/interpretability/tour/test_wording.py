"""Both languages have all words of the tour, with the same places."""

import re
import string
from pathlib import Path
from xml.etree import ElementTree

import pytest

from llmcli.interpretability.tour import step as steps
from llmcli.interpretability.tour.blocks import Bars, Matrix, Table, Text
from llmcli.interpretability.tour.formulas import FORMULAS
from llmcli.interpretability.tour.wording import Wording
from llmcli.interpretability.words import words
from tests.interpretability.tour.tours import article_tour

TEXTS = words("learn")


def places(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(TEXTS["en"]))
def test_both_languages_have_a_text_with_the_same_places(key):
    assert places(TEXTS["en"][key]) == places(TEXTS["zh"][key])


def test_neither_language_has_a_key_more():
    assert set(TEXTS["en"]) == set(TEXTS["zh"])


def test_every_key_is_used():
    folder = Path(steps.__file__).parent
    files = [*folder.rglob("*.py"), *folder.parent.parent.glob("cli/tour_*.py")]
    files += folder.parent.glob("page/js/sections/learn.js")
    used = "\n".join(file.read_text("utf-8") for file in files)
    stems = {match[1] for match in re.finditer(r'f"(\w+_){', used)} | {"check_"}
    unused = [
        key
        for key in TEXTS["en"]
        if f'"{key}"' not in used
        and not key.endswith("_title")
        and not any(key.startswith(stem) for stem in stems)
    ]
    assert unused in ([], ["title"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_text_of_the_tour_has_its_values(language):
    wording = Wording(language)
    for step in article_tour().steps:
        texts = [step.question.text, step.question.answer]
        for block in (*step.before, *step.after):
            texts += [block] if isinstance(block, Text) else []
            texts += [block.title] if isinstance(block, (Bars, Matrix)) else []
            texts += block.columns if isinstance(block, Table) else []
        filled = [wording.fill(text, step.values) for text in texts]
        assert not [text for text in filled if "{" in text or "nan" in text]


def test_a_guess_is_judged_without_capitals_and_spaces():
    step = article_tour().step("embedding")
    wording = Wording("en")
    assert wording.is_right("LATER ", step) and wording.is_right("' later'", step)
    assert not wording.is_right("today", step)
    tokens = article_tour().step("tokens")
    assert Wording("zh").is_right("多", tokens) and wording.is_right("more", tokens)


def test_formulas_are_sound_mathml_and_narrow_text():
    for notation in FORMULAS.values():
        ElementTree.fromstring(f"<math>{notation.mathml}</math>")
        assert all(len(line) <= 76 for line in notation.plain)
