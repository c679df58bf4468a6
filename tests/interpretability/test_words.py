"""The texts of terminal and page: complete in both languages, with the same terms everywhere."""

import json
import re
from pathlib import Path

import pytest

import llmcli
from llmcli.interpretability.sections import module_name, section
from llmcli.interpretability.words import in_all_languages, words
from llmcli.spec.explain import LANGUAGES, SECTIONS
from tests.interpretability.studies import study_of

ROOT = Path(llmcli.__file__).parent
FILES = sorted((ROOT / "interpretability/words").glob("*.json"))
MIXED = ("奈特", "惊异度", "意外度", "标记", "令牌", "隐状态", "词符")
"""Other words for what is called 纳特, 惊奇度, 词元 and 隐藏状态 here."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_both_languages_have_the_same_keys_and_values(path):
    texts = words(path.stem)
    assert set(texts) == set(LANGUAGES)
    assert list(texts["en"]) == list(texts["zh"])
    for key, text in texts["en"].items():
        placeholders = [sorted(re.findall(r"{(\w+)}", text)) for text in (text, texts["zh"][key])]
        assert set(placeholders[0]) == set(placeholders[1]), key


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_one_term_stands_for_one_thing(path):
    chinese = json.dumps(words(path.stem)["zh"], ensure_ascii=False)
    assert [term for term in MIXED if term in chinese] == []


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_has_all_its_files(name):
    file = name.replace("-", "_")
    wanted = [
        ROOT / f"{module_name(name).removeprefix('llmcli.').replace('.', '/')}.py",
        ROOT / f"cli/explain_views/{file}.py",
        ROOT / f"interpretability/words/{name}.json",
        ROOT / f"interpretability/page/js/sections/{name}.js",
    ]
    assert [str(path) for path in wanted if not path.is_file()] == []
    assert f"section.{name}" in words("explain")["en"]


@pytest.mark.parametrize(
    ("model", "kind"),
    [("gpt2", "causal"), ("bert", "masked"), ("marian", "seq2seq"), ("mamba", "causal")]
    + [("bloom", "causal")],
)
def test_what_a_model_does_not_have_is_said_in_both_languages(family_folder, model, kind):
    study = study_of(family_folder(model), kind)
    reasons = {name: section(name).reason_against(study) for name in SECTIONS if name != "data"}
    untold = {
        name: reason
        for name, reason in reasons.items()
        if reason is not None and in_all_languages(name, reason)["zh"] == reason
    }
    assert untold == {}
    assert sum(reason is not None for reason in reasons.values()) >= 2
