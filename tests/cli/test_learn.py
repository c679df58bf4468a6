"""`llmcli learn`: the whole tour on a pipe, files, languages, and one line for what goes wrong."""

import json

import pytest
from rich.cells import cell_len

from llmcli.interpretability.tour.step import STEPS
from tests.interpretability.tour.tours import article_tour


@pytest.fixture
def shared(monkeypatch):
    """The command shows a tour that was computed already, so that the tests are fast."""
    tour = article_tour()
    monkeypatch.setattr("llmcli.tasks.learn.learn", lambda loaded, text: tour)
    return tour


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_pipe_gets_the_whole_tour_in_80_columns(run, shared, language):
    result = run("learn", "--lang", language, input="")
    assert result.exit_code == 0
    heading = "Step {} of 10" if language == "en" else "第 {} 步（共 10 步）"
    assert all(heading.format(number) in result.stdout for number in range(1, 11))
    assert [line for line in result.stdout.split("\n") if cell_len(line) > 80] == []
    assert "\x1b" not in result.stdout
    assert "\n\n\n" not in result.stdout
    try_it = "Try it:" if language == "en" else "试一试："
    assert result.stdout.count(try_it) == result.stdout.count("Guess: ") or language == "zh"


def test_the_language_is_the_locales_or_the_texts(run, shared, monkeypatch):
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert "How a language model works" in run("learn", input="").stdout
    result = run("learn", "我要看书。")
    assert "语言模型的工作原理" in result.stdout and "in Chinese, as the text is" in result.stderr
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "语言模型的工作原理" in run("learn", input="").stdout


def test_a_piped_text_is_the_sentence(run, monkeypatch):
    texts = []
    tour = article_tour()
    monkeypatch.setattr("llmcli.tasks.learn.learn", lambda loaded, text: texts.append(text) or tour)
    run("learn", "--lang", "en", input="The cat sat.\n")
    run("learn", "--lang", "en", input="")
    run("learn", "--lang", "en", "One day.")
    assert texts == ["The cat sat.", None, "One day."]


def test_json_has_all_numbers(run, shared, tmp_path):
    record = json.loads(run("learn", "--json", "-q", "--lang", "en", input="").stdout)[0]
    assert [step["name"] for step in record["steps"]] == list(STEPS)
    loss = record["steps"][STEPS.index("loss")]
    assert loss["numbers"]["mean_nats"] == shared.step("loss").numbers.mean_nats
    assert loss["checks"][0]["holds"] is True
    path = tmp_path / "tour.json"
    assert run("learn", "--lang", "en", "-o", path, input="").exit_code == 0
    assert json.loads(path.read_text("utf-8")) == record


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([""], 3, "the text is empty: there is no token to look at"),
        (["one " * 600], 3, "gpt2-stories takes 512: shorten it"),
        (["--engine", "ct2"], 2, "--engine ct2 gives results, but not what is inside"),
        (["--lang", "fr"], 2, "'fr' is not one of 'en', 'zh'"),
        (["one", "two"], 2, "learn takes one TEXT: put it in quotation marks"),
        (["-m", "bert-en"], 5, "bert-en"),
        (["-o", "tour.pdf"], 2, "--output tour.pdf: name it *.html *.json"),
        (["--dtype", "bfloat16"], 2, "--dtype bfloat16 is too inexact"),
        (["Завтра я пойду в кино."], 3, "Cyrillic script"),
    ],
)
def test_wrong_use_is_one_line(run, words, code, message):
    result = run("learn", "-q", *words, input="")
    assert result.exit_code == code
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr and result.stdout == ""
