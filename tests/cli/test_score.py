"""score on the command line: what is shown, what is written, what is refused."""

import csv
import json
import math

import pytest

from llmcli.cli.plain_tables import display_width
from tests.tiny_models import STORY

ZH = "我明天要去看电影。"


def test_tokens_words_and_sums_are_shown(run):
    text = "Once upon a dragonfly. It flew."
    result = run("score", text, "-q")
    lines = result.stdout.splitlines()
    assert lines[1].split() == [
        "position",
        "id",
        "token",
        "nats",
        "word",
        "nats",
        "of",
        "the",
        "word",
    ]
    row = next(line for line in lines if "' dragon'" in line)
    (record,) = json.loads(run("score", text, "--json", "-q").stdout)
    word = next(word for word in record["words"] if word["text"] == "dragonfly")
    assert row.split()[-1] == f"{word['surprisal']:.2f}" and word["tokens"] > 1
    assert lines[-1].startswith(f"{len(record['tokens'])} tokens, {record['surprisal']:.2f} nats")
    assert any(line.startswith(" It flew.") for line in lines)


def test_the_text_is_coloured_from_blue_to_orange_where_there_are_colours(run, monkeypatch):
    plain = run("score", f"Once upon {ZH}", "-q").stdout
    assert "\x1b" not in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    first, legend, *_ = run("score", f"Once upon {ZH}", "-q").stdout.splitlines()
    assert "\x1b[48;5;111mOnce" in first and "\x1b[48;5;208m看" in first
    assert "<1" in legend and "≥10" in legend and legend.endswith("nats")
    monkeypatch.setenv("NO_COLOR", "1")
    assert run("score", f"Once upon {ZH}", "-q").stdout == plain


def test_80_columns_are_enough_for_chinese(run):
    shown = run("score", f"{ZH} The little girl", "-q").stdout
    assert max(map(display_width, shown.splitlines())) <= 80


def test_two_models_are_shown_side_by_side(run, tiny_gpt2):
    result = run("score", "the cat sat", "-m", tiny_gpt2, "--beside", tiny_gpt2)
    assert result.stdout.splitlines()[-1] == "difference: +0.00 nats"
    *_, row, _, _, _, _ = result.stdout.splitlines()
    assert row.split()[-1] == "+0.00"


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet", "json"])
def test_a_file_becomes_a_file_with_bad_rows_as_errors(run, tiny_gpt2, tmp_path, form):
    source, target = tmp_path / "in.jsonl", tmp_path / f"out.{form}"
    rows = [{"id": 1, "text": "the cat"}, {"id": 2, "text": ""}, {"id": 3, "text": ZH}, {"id": 4}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("score", "-i", source, "-m", tiny_gpt2, "-o", target)
    assert result.exit_code == 1 and "2 of 4 rows failed" in result.stderr
    if form == "jsonl":
        records = [json.loads(line) for line in target.read_text().splitlines()]
        assert [record["id"] for record in records] == [1, 2, 3, 4]
        sums = [sum(token["surprisal"] for token in r["tokens"]) for r in records if "tokens" in r]
        assert sums == pytest.approx([r["surprisal"] for r in records if "surprisal" in r])
    if form == "csv":
        with target.open(newline="") as file:
            tokens = json.loads(next(csv.DictReader(file))["tokens"])
        assert [token["start"] for token in tokens][0] == 0


def test_a_pair_of_columns_is_a_text_and_its_source(run, tiny_marian, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("fr,en\nLe chat.,The cat.\n")
    result = run("score", "-i", path, "--column", "fr", "--column", "en", "-m", tiny_marian, "-q")
    alone = run("score", "Le chat.", "--source", "The cat.", "-m", tiny_marian, "-q", "--json")
    (record,) = json.loads(alone.stdout)
    assert float(result.stdout.split("\t")[0]) == pytest.approx(record["surprisal"], abs=1e-3)


def test_long_texts_are_scored_in_windows_and_counted(run, tiny_gpt2, tmp_path):
    path = tmp_path / "in.txt"
    path.write_text(f"{STORY}short\n")
    result = run("score", "-i", path, "-m", tiny_gpt2)
    assert "1 of 2 texts were too long for the model: read in windows" in result.stderr
    strict = run("score", "-i", path, "-m", tiny_gpt2, "--on-overflow", "error")
    assert strict.exit_code == 1 and "use --on-overflow window" in strict.output


def test_pages_and_pictures_are_written_beside_the_results(run, tiny_gpt2, tmp_path):
    pytest.importorskip("matplotlib")
    page, picture = tmp_path / "a.html", tmp_path / "a.png"
    words = ["score", "the cat", "-m", tiny_gpt2, "--html", page, "--png", picture]
    result = run(*words)
    assert f"wrote {page}" in result.stderr and "tokens" in result.stdout
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["", "-m", "{gpt2}"], 3, "the text is empty"),
        (["t", "-m", "{gpt2}", "--no-bos"], 3, "fewer than two tokens"),
        (["hi", "-m", "{gpt2}", "--block-size", "65"], 2, "more than the 64 tokens"),
        (["hi", "-m", "{gpt2}", "--stride", "64"], 2, "without context"),
        (["hi", "-m", "{gpt2}", "--source", "x"], 2, "a source is for encoder-decoder models"),
        (["hi", "-m", "{gpt2}", "-t", "fr"], 2, "--from-lang and --to-lang are for translators"),
        (["hi", "-m", "{marian}"], 2, "name that by --source"),
        (["hi", "-m", "{marian}", "--source", "x", "--no-bos"], 2, "for models without a source"),
        (
            ["hi", "-m", "{marian}", "--engine", "ct2", "--source", "x"],
            2,
            "does not score a target",
        ),
        (["hi", "-m", "{masked}", "--bos"], 2, "--bos is for causal models"),
        (["hi", "-m", "{gpt2}", "--beside", "{masked}"], 5, "not comparable"),
        (["hi", "-m", "{gpt2}", "--beside", ""], 2, "--beside is empty"),
        (["hi", "-m", "{classifier}"], 5, "this needs a causal language model or"),
        (["hi", "-m", "{gpt2}", "--unit", "bytes"], 2, "is not one of"),
        (["hi", "-m", "{gpt2}", "--on-overflow", "split"], 2, "is not one of"),
        (["hi", "-m", "{gpt2}", "--html", "no/such/page.html"], 3, "there is no folder"),
        (["a", "b", "-m", "{gpt2}", "--png", "a.png"], 2, "--png draws one TEXT"),
        (["-i", "x.txt", "--source", "x", "-m", "{marian}"], 2, "--source goes with TEXT"),
    ],
)
def test_wrong_use_is_one_line(run, request, words, code, says):
    names = {"{gpt2}": "tiny_gpt2", "{marian}": "tiny_marian", "{masked}": "tiny_masked"}
    names["{classifier}"] = "tiny_classifier"
    words = [request.getfixturevalue(names[word]) if word in names else word for word in words]
    result = run("score", *words)
    assert result.exit_code == code, result.output
    assert says in result.stderr and "Traceback" not in result.output
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error")]) == 1


@pytest.mark.parametrize("text", ["🙂" * 30, "a\x00b", "\x1b[31mred", "e\u0301 ﷺ", STORY * 40])
def test_any_text_has_a_finite_sum(run, tiny_gpt2, text):
    (record,) = json.loads(run("score", "-m", tiny_gpt2, "--json", "-q", text).stdout)
    assert math.isfinite(record["surprisal"]) and record["perplexity"] > 1
    assert record["surprisal"] == pytest.approx(sum(t["surprisal"] for t in record["tokens"]))
