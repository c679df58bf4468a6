"""Pages of explain in a real Chromium, of each kind of model: every control is used."""

import re

import pytest

from llmcli.data.rows import Failure, Row
from llmcli.interpretability.export import write_explanation
from llmcli.spec import ModelSpec
from llmcli.spec.explain import ExplainOptions
from llmcli.tasks.explain import explain, load

KINDS = {
    "causal": ("tiny_gpt2", "the cat </script> 🙂我", {}),
    "masked": ("tiny_masked", "the cat [MASK] on mats", {}),
    "seq2seq": ("tiny_marian", "the cat sat", {"to_lang": "fr", "translation": "le chat"}),
    "classifier": ("tiny_classifier", "this is good", {}),
    "reader": ("tiny_reader", "the cat sat on mats", {"question": "where is the cat ?"}),
}
LOOKS = [(1400, "light"), (320, "dark"), (320, "light"), (1400, "dark")]
SEEN_BY_AXE = {
    "seq2seq": LOOKS[1:2],
    "classifier": LOOKS[2:3],
    "reader": LOOKS[3:],
}
"""In which of them axe looks at a page again, which takes seconds each time."""
LARGEST = 1_500_000  # bytes of a page that nobody asked to be larger
USE_ALL = """
(section) => {
  const all = (selector) => [...section.querySelectorAll(selector)];
  let uses = 0;
  const use = (element, act) => { if (element?.isConnected) { act(element); uses += 1; } };
  const tell = (element, name) => element.dispatchEvent(new Event(name, { bubbles: true }));
  for (const details of all("details")) use(details, (each) => { each.open = true; });
  for (let at = 0; at < Math.min(12, all("button").length); at += 1)
    use(all("button")[at], (each) => each.click());
  for (let at = 0; at < all("select").length; at += 1)
    for (let place = 0; place < Math.min(4, all("select")[at]?.options.length); place += 1)
      use(all("select")[at], (each) => { each.selectedIndex = place; tell(each, "change"); });
  for (let at = 0; at < all("input").length; at += 1)
    for (const value of ["min", "max"])
      use(all("input")[at], (each) => {
        if (each.type === "range") { each.value = each[value]; tell(each, "input"); }
        else if (each.type === "checkbox" || each.type === "radio") each.click();
      });
  for (const canvas of all("canvas[tabindex]"))
    for (const key of ["ArrowRight", "ArrowDown", "Enter", "End", "Escape"])
      use(canvas, (each) => {
        each.focus();
        each.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      });
  return uses;
}
"""


@pytest.fixture(scope="module")
def make_page(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")

    def make(kind):
        fixture, text, settings = KINDS[kind]
        options = ExplainOptions(**settings)
        loaded = load(ModelSpec(str(request.getfixturevalue(fixture))), options)
        explanation = next(explain(loaded, [Row(1, text)], options))
        assert not isinstance(explanation, Failure), explanation.cause
        path = folder / f"{kind}.html"
        write_explanation(explanation, path)
        return path, explanation

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_every_section_is_drawn_and_used_without_a_request_or_an_error(browser, make_page, kind):
    path, explanation = make_page(kind)
    assert path.stat().st_size <= LARGEST
    with browser.open(path) as tab:
        page = tab.page
        shown = page.locator("section").evaluate_all("(all) => all.map((each) => each.id)")
        assert set(shown) == {*explanation.sections, *explanation.undefined}
        for name in explanation.undefined:
            assert page.inner_text(f"section#{name} .reason")
        for name in explanation.sections:
            assert page.locator(f"section#{name} > *").count() > 1, name
            page.eval_on_selector(f"section#{name}", USE_ALL)
            assert page.locator(f"section#{name} .bad").count() == 0, name
            words = page.inner_text(f"section#{name}")
            assert not re.search(r"\[object |\bundefined\b|\bNaN\b|\{\w+\}", words), words
        tab.require_clean(axe=kind == "causal")  # with all tables open
        page.click(".languages [lang=zh]")
        page.eval_on_selector_all(".chips button", "(all) => all.forEach((each) => each.click())")
        for width, scheme in LOOKS:
            tab.show(width=width, scheme=scheme)
            tab.require_clean(axe=(width, scheme) in SEEN_BY_AXE.get(kind, ()))
