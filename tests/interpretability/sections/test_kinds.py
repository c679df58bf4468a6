"""The table of sections in the manual, against what the sections say of models of each kind."""

from pathlib import Path

import pytest

from llmcli.interpretability.sections import section
from llmcli.spec.explain import SECTIONS
from tests.interpretability.studies import study_of
from tests.tiny_models import MORE_WORDS, WORDS, make_bert

PAGE = Path(__file__).parents[3] / "docs/commands/explain.md"
KINDS = (
    "causal",
    "masked",
    "encoder-decoder",
    "classifier",
    "token classifier",
    "answer model",
    "without a head",
)


def table_of_sections():
    """{section: {kind: "yes" or "no"}}"""
    lines = PAGE.read_text("utf-8").split("## Which model has which section")[1].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    rows = rows[: next(at for at, row in enumerate(rows) if row[0] == "answer-scores") + 1]
    assert tuple(rows[0][1:]) == KINDS
    return {name: dict(zip(KINDS, cells, strict=True)) for name, *cells in rows[1:]}


@pytest.fixture(scope="module")
def studies(family_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    heads = {
        "classifier": ("SequenceClassification", {"task": "classification"}),
        "token classifier": ("TokenClassification", {"task": "token-classification"}),
        "answer model": ("QuestionAnswering", {"task": None, "question": "who sat ?"}),
        "without a head": ("", {"task": None}),
    }
    return {
        "causal": study_of(family_folder("gpt2"), "causal"),
        "masked": study_of(family_folder("bert"), "masked", "the cat [MASK] on"),
        "encoder-decoder": study_of(family_folder("marian"), "seq2seq"),
        **{
            kind: study_of(
                make_bert(folder / kind, head, WORDS + MORE_WORDS), "masked", "the cat", **choices
            )
            for kind, (head, choices) in heads.items()
        },
    }


def test_the_manual_says_which_model_has_which_section(studies):
    found = {
        name: {
            kind: "no" if section(name).reason_against(study) else "yes"
            for kind, study in studies.items()
        }
        for name in SECTIONS
        if name != "data"
    }
    assert found == table_of_sections()
