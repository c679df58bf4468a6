"""The page of the tour in a real browser."""

import pytest

from llmcli.interpretability.tour.export import write_tour
from llmcli.interpretability.tour.step import STEPS
from tests.interpretability.tour.tours import article_tour


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "tour.html"
    write_tour(article_tour(), path, "zh")
    return path


def test_the_page_asks_first_and_answers_in_both_languages_without_a_request(browser, page):
    assert page.stat().st_size < 300_000
    with browser.open(page) as tab:
        chromium = tab.page
        assert chromium.title() == "语言模型的工作原理"
        assert chromium.locator("main section").count() == len(STEPS)
        answer = chromium.locator("#tokens details table").first
        assert not answer.is_visible()
        chromium.locator("#tokens summary").focus()
        chromium.keyboard.press("Enter")
        assert answer.is_visible() and "27" in chromium.locator("#tokens details").inner_text()
        chromium.click(".languages [lang=en]")
        assert answer.is_visible()  # what was open stays open
        assert "27 tokens for 9 characters" in chromium.locator("#tokens").inner_text()
        chromium.evaluate(
            "for (const each of document.querySelectorAll('.guess')) each.open = true"
        )
        assert chromium.locator("math").count() >= 7
        assert "holds" in chromium.locator("#head").inner_text()
        tab.require_clean()
        tab.show(width=320, scheme="dark")
        tab.require_clean()
