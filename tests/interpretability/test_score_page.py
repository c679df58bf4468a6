"""The page of scored texts, in a real Chromium; and what it leaves out."""

import json

import pytest

from llmcli.data.rows import Row
from llmcli.interpretability import score_page
from llmcli.interpretability.score_page import ScorePage
from llmcli.spec import WINDOWS
from llmcli.spec.tasks import ScoreOptions
from llmcli.tasks.score import score

TEXTS = ["Once </script><b> upon 看 🙂.", "The cat sat.\nThe dog said hello."]


def page_of(loaded, texts, beside=None, **settings):
    page = ScorePage(loaded, beside)
    rows = [Row(n, text) for n, text in enumerate(texts, 1)]
    results = list(score(loaded, rows, ScoreOptions(**settings), WINDOWS, beside))
    for result in results:
        page.add(result)
    return page, results


def data_of(page):
    text = page.html().split('id="data">')[1].split("</script>")[0]
    return json.loads(text)["sections"][0]["data"]


def test_the_page_has_the_pieces_of_the_text_whatever_is_typed(gpt2):
    page, results = page_of(gpt2, TEXTS)
    for text, shown, result in zip(TEXTS, data_of(page)["texts"], results, strict=True):
        assert "".join(shown["pieces"]) == text
        assert shown["total"] == pytest.approx(result.surprisal)
    assert page.html().count("</script>") == 3 and page.note() == ""


def test_bits_of_the_results_are_nats_of_the_page(gpt2):
    nats, _ = page_of(gpt2, TEXTS)
    bits, _ = page_of(gpt2, TEXTS, unit="bits")
    totals = [[text["total"] for text in data_of(page)["texts"]] for page in (nats, bits)]
    assert totals[0] == pytest.approx(totals[1]) and data_of(bits)["unit"] == "bits"


def test_texts_that_do_not_fit_are_left_out_with_a_note(gpt2, monkeypatch):
    monkeypatch.setattr(score_page, "MOST_PIECES", 30)
    page, _ = page_of(gpt2, [TEXTS[0], TEXTS[1] * 9, TEXTS[0]])
    assert len(data_of(page)["texts"]) == 1
    assert page.note().startswith("the page has the first 1 of 3 texts")
    page, results = page_of(gpt2, [TEXTS[1] * 9])
    (shown,) = data_of(page)["texts"]
    assert len(shown["pieces"]) == 30 < shown["all"] == len(results[0].pieces())


@pytest.mark.parametrize("is_beside", [False, True])
def test_a_browser_shows_the_numbers_without_a_request(browser, gpt2, tmp_path, is_beside):
    page, results = page_of(gpt2, TEXTS, gpt2 if is_beside else None)
    path = tmp_path / "score.html"
    path.write_text(page.html(), "utf-8")
    with browser.open(path) as tab:
        shown = tab.page
        for summary in shown.query_selector_all("details summary"):
            summary.click()
        assert shown.locator("#score p.text").count() == 2
        assert shown.inner_text("#score p.text >> nth=1").replace("·", " ").endswith("hello.")
        tab.require_clean()
        if is_beside:
            assert "Difference: 0 nats" in shown.inner_text("#score")
        else:
            row = shown.inner_text("#score p.text + p >> nth=0")
            assert f"over {len(results[0].tokens)} tokens" in row
        shown.check("input[type=checkbox]")
        assert "bits" in shown.inner_text("#score p.text + p >> nth=0")
        shown.click("text=中文")
        assert "比特" in shown.inner_text("#score p.text + p >> nth=0")
        tab.show(width=320, scheme="dark")
        tab.require_clean()
