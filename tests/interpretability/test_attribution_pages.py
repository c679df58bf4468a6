"""Pages and pictures of layers, words, labels and answers."""

import xml.etree.ElementTree as ElementTree

import pytest

from llmcli.interpretability.explain_page import explanation_page
from llmcli.interpretability.explanation import explain_study
from llmcli.interpretability.pictures import drawing
from llmcli.interpretability.pictures.figure import Picture, picture_bytes
from llmcli.interpretability.words import words
from llmcli.interpretability.write_page import page_html
from tests.interpretability.studies import study_of
from tests.tiny_models import MORE_WORDS, WORDS, make_bert


@pytest.fixture(scope="module")
def explanations(family_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("attributed")
    known = WORDS + MORE_WORDS
    classifier = make_bert(folder / "classifier", "SequenceClassification", known)
    tagger = make_bert(folder / "tagger", "TokenClassification", known)
    reader = make_bert(folder / "reader", "QuestionAnswering", known)
    attributed = {"sections": ("layers", "why")}
    labelled = {"sections": ("layers", "labels")}
    question = {"task": None, "question": "who sat ?", "sections": ("answer-scores",)}
    text = "the cat sat on mats"
    studies = {
        "causal": study_of(
            family_folder("gpt2"), "causal", "</script> 我明天 the cat", **attributed
        ),
        "masked": study_of(family_folder("bert"), "masked", "the cat [MASK] on", **attributed),
        "seq2seq": study_of(family_folder("marian"), "seq2seq", **attributed),
        "classifier": study_of(classifier, "masked", text, task="classification", **labelled),
        "tagger": study_of(tagger, "masked", text, task="token-classification", **labelled),
        "reader": study_of(reader, "masked", text, **question),
    }
    return {name: explain_study(study) for name, study in studies.items()}


@pytest.mark.parametrize("kind", ["causal", "masked", "seq2seq", "classifier", "tagger", "reader"])
def test_a_page_works_in_a_browser(kind, explanations, browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page_html(explanation_page(explanations[kind], "en")), "utf-8")
    with browser.open(path, width=320) as tab:
        page = tab.page
        for value in ("occlusion", "input"):
            for select in page.query_selector_all("select:has(option[value=occlusion])"):
                select.select_option(value)
                assert page.query_selector("ol.bars li span.bar.signed") is not None
        for value in ("divergence", "norm", "final"):
            for select in page.query_selector_all("select:has(option[value=norm])"):
                select.select_option(value)
        for select in page.query_selector_all("select:has(option[value=end])"):
            select.select_option("end")
        for at in range(len(page.query_selector_all("section ol.bars button"))):
            page.query_selector_all("section ol.bars button")[at].click()  # drawn anew by each
            assert page.evaluate("document.activeElement.tagName") == "BUTTON"
        for details in page.query_selector_all("details.behind summary"):
            details.click()
        body = page.inner_text("body")
        assert "[object" not in body and "undefined" not in body and "NaN" not in body
        tab.require_clean(axe=kind in ("causal", "reader"))
        page.click("text=中文")
        tab.show(scheme="dark")
        assert "[object" not in page.inner_text("body")
        tab.require_clean(axe=False)


def test_each_section_has_a_picture_with_its_words(explanations):
    pytest.importorskip("matplotlib")
    language = "zh"
    for explanation in (explanations[kind] for kind in ("causal", "tagger", "reader")):
        for name, result in explanation.sections.items():
            module, texts = drawing(name), words(name)[language]

            def say(key, texts=texts, **values):
                return texts[key].format(**values)

            def draw(figure, module=module, result=result, say=say):
                module.draw(result, figure, say)

            picture = Picture(texts["title"], module.height(result), draw)
            svg = picture_bytes([picture], "svg", lambda line: None)
            root = ElementTree.fromstring(svg)
            written = "".join("".join(node.itertext()) for node in root.iter())
            assert texts["title"] in written


def test_a_picture_of_many_tokens_shows_the_strongest():
    import numpy as np

    from llmcli.interpretability.pictures.token_bars import MOST, chosen
    from llmcli.interpretability.token_attribution import SideAttribution, TokenAttribution

    values = np.arange(-30, 70, dtype=np.float32)
    names = tuple(f"t{at}" for at in range(100))
    side = SideAttribution("text", names, values, values, values)
    sums = (0.0, 0.0, 0.0)
    tokens = TokenAttribution("<pad>", 0.0, 0.0, 0.0, sums, 64, 0.0, True, (side,))
    pairs = chosen(tokens)
    assert len(pairs) == MOST
    assert pairs[-1] == ("t99", 69.0) and "t31" not in dict(pairs)


def test_a_page_of_many_layers_keeps_some_and_fewer_candidates(explanations):
    from llmcli.interpretability.sections.layers import page_data

    result = explanations["causal"].sections["layers"]
    assert page_data(result, 1_000_000).top.shape == result.top.shape
    small = page_data(result, 25 * len(result.tokens))
    assert small.top.shape[2] == 1 and small.rows[-1] == result.rows[-1]
    assert small.top.shape[0] == len(small.rows) < len(result.rows)
    assert set(small.names) == set(small.top.reshape(-1).tolist())
