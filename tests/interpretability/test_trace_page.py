"""The page of generate --trace: its data, its limits, and what a browser makes of it."""

import json
from dataclasses import replace

import pytest

import llmcli
from llmcli.interpretability.trace_page import TracePage

PROMPTS = ["Once </script><b>x</b> 🙂", "我明天要去看电影。"]
SAMPLED = llmcli.Decoding(
    max_new_tokens=5, temperature=0.9, top_k=3, top_p=0.95, seed=2, repetition_penalty=1.4, trace=4
)
BEAMS = llmcli.Decoding(max_new_tokens=26, num_beams=3, num_return_sequences=2, trace=3)


@pytest.fixture(scope="module")
def results(tiny_gpt2):
    with llmcli.load(tiny_gpt2, engine="torch") as model:
        sampled = list(llmcli.generate(PROMPTS, model=model, options=SAMPLED))
        return sampled, list(llmcli.generate(PROMPTS[:1], model=model, options=BEAMS))


def page_of(results, **settings):
    page = TracePage(**settings)
    for result in results:
        page.add(result)
    return page


def data_of(text):
    return json.loads(text.split('id="data">')[1].split("</script>")[0])


@pytest.fixture(scope="module")
def paths(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    paths = [folder / "sampled.html", folder / "beams.html"]
    for path, each in zip(paths, results, strict=True):
        path.write_text(page_of(each).html("en"), "utf-8")
    return paths


def test_the_data_holds_each_text_and_every_check_holds(results, paths):
    data = data_of(paths[0].read_text("utf-8"))
    texts = data["sections"][0]["data"]["texts"]
    assert [text["prompt"] for text in texts] == PROMPTS
    assert [text["text"] for text in texts] == [result.text for result in results[0]]
    assert [len(text["steps"]["draw"]) for text in texts] == [5, 5]
    checks = data["checks"] + data_of(paths[1].read_text("utf-8"))["checks"]
    assert {check["name"] for check in checks} == {
        f"trace.check_{name}" for name in ("sum", "draw", "score")
    }
    assert all(check["holds"] for check in checks)


def test_a_check_that_fails_is_in_the_page(results):
    (result, _) = results[0]
    step = result.trace[0]
    wrong = replace(step, rest=replace(step.rest, final=0.5), interval=(0.0, 1e-6))
    page = page_of([replace(result, trace=(wrong,))])
    assert [check["holds"] for check in data_of(page.html("en"))["checks"]] == [False, False]


def test_a_page_has_a_limit_and_says_what_it_leaves_out(results):
    page = page_of(results[0] * 2, most=12)
    assert len(data_of(page.html("en"))["sections"][0]["data"]["texts"]) == 1
    notes = list(page.notes("en"))
    assert "shows 3 of 5 steps" in notes[0] and "first 1 of 4 texts" in notes[1]
    (beams, _) = results[1]
    page = page_of([beams], most=60)
    tree = data_of(page.html("en"))["sections"][0]["data"]["texts"][0]["tree"]
    assert 0 < tree["numbers"]["shape"][0] <= 30
    assert "steps of the texts" in next(page.notes("en"))
    assert list(page_of(results[0]).notes("zh")) == []


def test_a_page_of_many_long_texts_stays_small(results):
    (result, _) = results[0]
    long = replace(result, trace=result.trace * 300)
    text = page_of([long] * 40).html("en")
    assert len(text.encode()) < 1_500_000


def test_a_browser_shows_each_step_and_its_candidates(browser, paths, results):
    steps = results[0][0].trace
    with browser.open(paths[0], width=320) as tab:
        page = tab.page
        assert page.locator("b").count() == 0 and PROMPTS[0] in page.inner_text("#trace")
        page.locator(".text button").first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        says = page.inner_text("#trace")
        assert "Step 2: " in says and f"random number {steps[1].uniform:.4f}" in says
        removed = [each for each in steps[1].candidates if each.removed_by is not None]
        assert page.locator(".faded").count() == len(removed) > 0
        page.select_option("#trace [aria-live] select", "probability")
        assert f"{100 * steps[1].candidates[0].probability:.2f}"[:3] in page.inner_text(".bars")
        page.click("#trace [aria-live] summary")
        assert page.locator("#trace [aria-live] tbody tr").count() == len(steps[1].candidates) + 1
        tab.require_clean()
        page.click("text=中文")
        assert "第 2 步" in page.inner_text("#trace")
        page.select_option("#trace select >> nth=0", "1")
        assert PROMPTS[1] in page.inner_text("#trace")
        tab.show(width=1400, scheme="dark")
        tab.require_clean(axe=False)


def test_a_browser_draws_the_tree_of_a_beam_search(browser, paths, results):
    tree = results[1][0].tree
    with browser.open(paths[1], width=1400, scheme="dark") as tab:
        page = tab.page
        shown = sum(node.step <= 24 for node in tree.nodes)
        assert page.locator("svg rect").count() == shown
        page.locator("#trace div.choice select >> nth=-1").select_option("25")
        assert page.locator("svg rect").count() == len(tree.nodes) - shown
        tab.require_clean()
        page.click("text=All continuations as a table")
        assert page.locator("details table tbody tr").count() == len(tree.nodes)
        assert "✓" in page.inner_text("#trace")
        tab.show(width=320, scheme="light")
        tab.require_clean(axe=False)
