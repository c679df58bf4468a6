"""What-if and embeddings, as terminal, page and pictures show them."""

import json
import re
import unicodedata
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from llmcli.cli.main import main

STORY = "Once upon a time, the little cat sat on the mat. One day the little"
OTHER = STORY.replace("cat", "dog")
BOTH = ["--section", "what-if,embeddings"]


def explain(*arguments):
    result = CliRunner().invoke(main, ["explain", *arguments])
    assert result.exit_code == 0, result.output
    return result


def columns(line):
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in line)


def test_a_terminal_shows_effects_beside_attention():
    lines = explain(STORY, *BOTH, "--swap", "cat=dog", "--patch-from", OTHER).stdout.splitlines()
    text = "\n".join(lines)
    assert max(map(columns, lines)) <= 80
    head = re.search(r"^(\d\.\d) +(-\d\.\d\d) .*' girl' +' cat'", text, re.M)
    assert head is not None and float(head[2]) < -0.5
    assert "Attention is not explanation" in text
    assert re.search(r"^' dog' +0\.0\d+ +0\.[3-9]\d+ ", text, re.M)
    assert re.search(r"^ +0 +100% ", text, re.M)  # before the first layer, all is at ` dog`
    assert re.search(r"^' cat' +0\.\d\d +' dog' 0\.\d\d ", text, re.M)
    assert text.count(", holds") == 4


@pytest.mark.parametrize(
    "arguments",
    [
        [STORY, "--swap", "cat=dog", "--patch-from", OTHER, "--ablate", "mean"],
        ["A great film.", "-m", "bert-en", "--task", "classification", "--swap", "great=bad"],
    ],
)
def test_a_terminal_shows_it_in_chinese_in_80_columns(arguments):
    lines = explain(*arguments, *BOTH, "--lang", "zh").stdout.splitlines()
    assert max(map(columns, lines)) <= 80
    assert "注意力不等于解释" in "\n".join(lines) and "平面上的向量" in "\n".join(lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--swap", "dgo=cat"], "--swap: 'dgo' is no word of the text"),
        (["--patch-from", "Too short"], r"--patch-from has \d tokens, the text has 17"),
        (["--target", "electroencephalograph"], "--target 'electroencephalograph' is"),
        (["--layers", "9"], "--layers 9 is not in the model, which has 0 to 5"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments, message):
    result = CliRunner().invoke(main, ["explain", STORY, "-q", "--section", "what-if", *arguments])
    assert result.exit_code == 3 and result.stdout == ""
    assert re.search(message, result.stderr) and result.stderr.count("\n") == 1


def test_numbers_are_written_in_full(tmp_path):
    explain(STORY, *BOTH, "--patch-from", OTHER, "-o", str(tmp_path / "x.json"))
    sections = json.loads((tmp_path / "x.json").read_text())["sections"]
    what_if, embeddings = sections["what-if"], sections["embeddings"]
    assert [len(row) for row in what_if["heads"][0]["change"]] == [4] * 6
    assert [len(row) for row in what_if["patch"]["streams"][0]["share"]] == [17] * 7
    assert len(embeddings["tokens"][0]["neighbours"]["ids"][0]) == 8
    assert len(embeddings["positions"][0]["values"]) == 64


def test_a_picture_has_both_sections(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "x.svg"
    explain("The little cat", *BOTH, "--swap", "cat=dog", "-o", str(path), "--lang", "zh")
    root = ElementTree.fromstring(path.read_text("utf-8"))
    texts = {"".join(node.itertext()).strip() for node in root.iter() if node.tag.endswith("}text")}
    assert {"如果改变", "嵌入", "换一个词：“cat”换成“dog”", "cat"} <= texts


def test_a_section_without_a_picture_is_refused(tmp_path, monkeypatch):
    module = "llmcli.interpretability.pictures.explanation_picture"
    monkeypatch.setattr(f"{module}.drawing", lambda name: name != "by-hand" or None)
    arguments = ["explain", "The cat", "--section", "by-hand", "-o", str(tmp_path / "x.png")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and "--section 'by-hand' cannot be drawn" in result.stderr


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    settings = ["--swap", "cat=dog", "--patch-from", OTHER]
    explain(STORY, *BOTH, *settings, "-o", str(folder / "causal.html"))
    pair = ["The black cat sleeps.", "-t", "fr", "--lang", "zh"]
    explain(*pair, *BOTH, "-o", str(folder / "pair.html"))
    return folder


def test_a_page_shows_the_effect_of_a_head_that_is_chosen(browser, pages):
    with browser.open(pages / "causal.html") as tab:
        page = tab.page
        section = page.locator("section#what-if")
        before = section.locator("[aria-live]").inner_text()
        assert re.match(r"Head \d\.\d: without it, log p changes by −0", before)
        canvas = section.locator("canvas").nth(1)
        canvas.focus()
        canvas.press("Home")
        canvas.press("Enter")
        assert section.locator("[aria-live]").inner_text().startswith("Head 0.0:")
        assert "“·dog” (" in section.inner_text()
        section.locator("summary").first.click()
        assert section.locator("table").count() == 2
        page.click(".chips button >> nth=7")  # ` cat`
        assert "“·cat”: its vector" in page.inner_text("section#embeddings")
        assert "·dog" in page.inner_text("section#embeddings ol")
        tab.require_clean()
        tab.show(width=320, scheme="dark")
        tab.require_clean()


def test_a_page_of_a_translator_has_both_sides(browser, pages):
    with browser.open(pages / "pair.html") as tab:
        text = tab.page.inner_text("main")
        assert "编码器的每个注意力头" in text and "每个交叉注意力头" in text
        assert "原文的词元" in text and "译文的词元" in text
        tab.require_clean()
