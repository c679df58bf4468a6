"""Pages: one file that holds all it needs, drawn by a real Chromium."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from llmcli.errors import InputError
from llmcli.interpretability.write_page import (
    SOURCES,
    Check,
    Page,
    Section,
    Side,
    module_sources,
    page_html,
)
from llmcli.spec.explain import SECTIONS

TEXT = ["Once", " </script><b>", " 🙂", "\n", "我"]
TITLES = {"en": "A page about </title> & “我明天要去看电影。”", "zh": "一页"}


def predictions(name):
    surprisal = np.array([np.nan, 0.5, 12.25, 3.0, 0.0], np.float32)
    return {
        "name": name,
        "surprisal": surprisal,
        "ranks": np.array([0, 1, 812, 7, 1]),
        "entropy": np.array([np.nan, 1.5, 2.5, 3.5, 0.5]),
        "likely_ids": np.tile(np.arange(3), (5, 1)),
        "likely_names": [["<i>", " b", "\n"]] * 5,
        "likely_probabilities": np.tile(np.array([0.5, 0.25, 1e-5]), (5, 1)),
        "total": 15.75,
        "count": 4,
    }


def a_page(**changes):
    tokens = {
        "tokens": TEXT,
        "ids": np.arange(5),
        "predictions": [predictions("masked"), predictions("seen")],
        "words": [{"text": "Once", "first": 0, "end": 1}],
        "notes": ["A note </p>."],
    }
    settings = {
        "titles": TITLES,
        "language": "en",
        "sections": [
            Section("tokens", tokens),
            Section("gone", reason={"en": "it has none.", "zh": "没有。"}, title=("page", "note")),
        ],
        "sides": [Side(TEXT, list(range(5)))],
        "facts": [("model", "tiny </dd>")],
        "checks": [
            Check("page.model", 4e-6, 1e-5, True),
            Check("as it stands", float("inf"), 0.1, False),
        ],
    }
    return Page(**{**settings, **changes})


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(page_html(a_page()), "utf-8")
    return path


def test_what_a_user_typed_cannot_end_a_script(path):
    text = path.read_text("utf-8")
    assert text.count("</script>") == 3
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert data["sections"][0]["data"]["tokens"] == TEXT
    assert data["titles"] == TITLES


def test_modules_import_one_another_by_names_of_the_map():
    sources = module_sources(["sections/tokens.js"])
    assert 'from "charts.js"' in sources["sections/tokens.js"]
    assert {"charts.js", "dom.js", "colours.js"} < set(sources)
    assert not [name for name, text in sources.items() if re.search('from "[./]', text)]


def test_scripts_and_styles_of_a_page_have_at_most_100_kb():
    every = {path.stem for path in (SOURCES / "js" / "sections").glob("*.js")}
    of_explain = every & set(SECTIONS)
    for names in (of_explain, *({name} for name in every - of_explain)):
        sources = module_sources(["main.js", *(f"sections/{name}.js" for name in names)])
        size = sum(len(text.encode()) for text in sources.values())
        assert size + (SOURCES / "style.css").stat().st_size <= 100_000, names


def test_a_page_that_is_too_large_is_refused():
    with pytest.raises(InputError, match=r"^the page would have 0\.\d MB, of at most 0\.01 MB: a "):
        page_html(a_page(largest=10_000))


def test_a_browser_draws_the_page_without_a_request(browser, path):
    with browser.open(path) as tab:
        page = tab.page
        assert page.title() == TITLES["en"]
        assert page.inner_text("h1") == TITLES["en"]
        assert page.locator("b, i").count() == 0
        assert "tiny </dd>" in page.inner_text("header")
        assert "Self-checks: 1 of 2 do NOT hold" in page.inner_text("header")
        assert "✗ as it stands: error ∞, at most 0.10 allowed: DOES NOT HOLD" in page.inner_text(
            "header"
        )
        assert "it has none." in page.inner_text("#gone")
        assert "A note </p>." in page.inner_text("#tokens")
        tab.require_clean()
        tab.show(width=320, scheme="dark")
        assert page.evaluate("document.documentElement.dataset.scheme") == "dark"
        tab.require_clean()


def test_a_token_is_chosen_with_the_keyboard_and_the_language_with_a_button(browser, path):
    with browser.open(path) as tab:
        page = tab.page
        page.click(".chips button >> nth=1")
        assert "12.3 nats" not in page.inner_text("#tokens h3 + p")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert page.get_attribute(".chips button >> nth=2", "aria-pressed") == "true"
        assert "12.3 nats, rank 812" in page.inner_text("#tokens h3 + p")
        page.click("text=中文")
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        assert "12.3 纳特，排名第 812" in page.inner_text("#tokens h3 + p")
        with page.expect_download() as saved:
            page.click("footer button")
        assert json.loads(Path(saved.value.path()).read_text("utf-8"))["titles"] == TITLES
        tab.require_clean()
