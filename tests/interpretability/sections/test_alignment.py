"""The alignment section: words of a text and of its translation."""

import json

import numpy as np
import pytest

from llmcli.cli.wrapping import cell_width
from llmcli.interpretability.page_data import pack
from llmcli.interpretability.sections import alignment
from tests.interpretability.studies import study_of
from tests.node import run_module

STARTER = "marian-en-fr-zh"
FRENCH = {"from_lang": "en", "to_lang": "fr"}


@pytest.fixture(scope="module")
def study():
    settings = {**FRENCH, "translation": "J'aime le chat noir."}
    return study_of(STARTER, "seq2seq", "I like the black cat.", **settings)


@pytest.fixture(scope="module")
def black_cat(study):
    return alignment.build(study, study.options)


def test_the_starter_aligns_black_cat_with_chat_noir_the_right_way_round(black_cat):
    sources = [word.text for word in black_cat.sources]
    targets = [word.text for word in black_cat.targets]
    assert sources == ["I", "like", "the", "black", "cat", "."]
    assert targets == ["J'aime", "le", "chat", "noir", "."]
    read = {targets[pair.target]: sources[pair.source] for pair in black_cat.pairs}
    assert (read["chat"], read["noir"]) == ("cat", "black")


def test_its_own_translation_is_aligned_where_none_is_given():
    study = study_of(STARTER, "seq2seq", "I see a black cat.", **FRENCH, translation=None)
    result = alignment.build(study, study.options)
    assert "".join(word.text for word in result.targets) == study.side.text.replace(" ", "")
    assert all(check.holds for check in result.checks)


def test_the_mean_of_heads_is_taken_before_special_tokens_are_left_out(black_cat):
    mean = black_cat.weights.mean((0, 1))  # (Tt, Ts)
    kept = np.where(black_cat.is_special, 0, mean)
    kept = kept / kept.sum(-1, keepdims=True)
    chat = black_cat.targets[2]
    columns = [word.start for word in black_cat.sources]  # each word is one token
    assert black_cat.mean[2] == pytest.approx(kept[chat.start][columns], abs=1e-6)
    assert black_cat.left_out[2] == pytest.approx(mean[chat.start][[0, -1]].sum(), abs=1e-6)
    assert black_cat.is_special == (True, *[False] * 6, True)  # >>fr<< and </s>


def test_the_page_computes_the_same_of_a_head_as_python(black_cat):
    data = json.dumps(pack(black_cat))
    layer, head, mean = run_module(f"""
        import {{ decode }} from "js:arrays.js";
        import {{ aligned }} from "js:sections/alignment.js";
        const section = await decode({data});
        const choices = [[0, "all"], ["all", 3], ["all", "all"]];
        give(choices.map(([layer, head]) => aligned(section, layer, head)));
    """)
    assert np.allclose(layer, black_cat.mean, atol=0.01)  # bytes of square roots
    assert np.allclose(mean, black_cat.mean, atol=1e-6)
    kept, _ = alignment.without_special(black_cat.weights[0, 3], black_cat.is_special)
    own = alignment.merged(kept, black_cat.targets, black_cat.sources)
    assert np.allclose(head, own, atol=0.02)


def test_too_many_weights_are_averaged_and_not_kept(monkeypatch, study, black_cat):
    monkeypatch.setattr(alignment, "KEPT", 10)
    result = alignment.build(study, study.options)
    assert result.weights is None
    assert np.array_equal(result.mean, black_cat.mean)
    assert "too many to be kept" in result.notes[0]


def test_other_models_have_no_alignment(family_folder):
    reason = alignment.reason_against(study_of(family_folder("gpt2"), "causal"))
    assert reason == "only a model with an encoder and a decoder aligns a target with a source"


def test_a_chinese_text_fits_into_80_columns(run):
    result = run("explain", "我喜欢黑猫。", "-t", "en", "--section", "alignment", "-q")
    assert result.exit_code == 0, result.stderr
    assert "black ← 黑" in result.stdout
    assert max(map(cell_width, result.stdout.splitlines())) <= 80


def test_a_page_shows_attention_and_alignment_of_a_translator(run, browser, tmp_path):
    path = tmp_path / "page.html"
    command = ("explain", "I like the black cat.", "-t", "fr", "-o", path)
    result = run(*command, "--section", "attention,alignment")
    assert result.exit_code == 0, result.stderr
    with browser.open(path) as tab:
        page = tab.page
        for part in ("0", "1", "2"):
            page.locator("#attention select").select_option(part)
            page.locator("#attention .multiples button").last.click()
            for toggle in page.locator("#attention input[type=checkbox]").all():
                toggle.check()
        assert "Layer 0, head 7" in page.locator("#attention").inner_text()
        page.locator("#alignment select").nth(1).select_option("3")
        page.get_by_role("button", name="Token 6: ·chat").click()
        assert page.locator("#alignment svg .chosen").text_content() == "noir"  # what chat predicts
        tab.require_clean()
        tab.show(width=320, scheme="dark")
        tab.require_clean()
