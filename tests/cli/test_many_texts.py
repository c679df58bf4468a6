"""`answer` over folders and several files."""

import json
from pathlib import Path

import pytest

import llmcli

EMMA = "Emma is a novel by Jane Austen. It was published in 1815.\n\nIt is about a young woman.\n"
MOBY = "# Whales\n\nMoby Dick is a novel by Herman Melville.\nIt is about a whale.\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "books" / "sea").mkdir(parents=True)
    (tmp_path / "books" / "emma.txt").write_text(EMMA)
    (tmp_path / "books" / "sea" / "moby.md").write_text(MOBY)
    (tmp_path / "books" / ".hidden.txt").write_text("Moby Dick is by nobody.")
    (tmp_path / "books" / "picture.png").write_bytes(b"\x89PNG")
    return tmp_path / "books"


def records(run, *args, code=0):
    result = run("answer", "--json", *args)
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout)


def test_a_folder_is_searched_and_the_source_named(run, folder):
    questions = ["Who wrote Moby Dick?", "When was Emma published?"]
    moby, emma = records(run, *questions, "--context-file", folder)
    assert (moby["answer"], moby["source"]) == ("Herman Melville", str(folder / "sea" / "moby.md"))
    assert MOBY[moby["start"] : moby["end"]] == "Herman Melville"
    assert (emma["answer"], emma["source"]) == ("1815", str(folder / "emma.txt"))
    assert EMMA[emma["start"] : emma["end"]] == "1815"
    assert emma["snippet"] == "Emma is a novel by Jane Austen. It was published in 1815."


def test_several_files_are_searched(run, folder):
    words = ["--context-file", folder / "emma.txt", "--context-file", folder / "sea" / "moby.md"]
    (record,) = records(run, "Who wrote Moby Dick?", *words)
    assert record["answer"] == "Herman Melville"


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_rows_of_a_file_are_texts_of_their_own(run, tmp_path, form):
    path = tmp_path / f"kb.{form}"
    rows = [EMMA.replace("\n", " "), MOBY.replace("\n", " ")]
    if form == "jsonl":
        path.write_text("\n".join(json.dumps({"text": row}) for row in rows))
    else:
        path.write_text("text\n" + "\n".join(f'"{row}"' for row in rows))
    (record,) = records(run, "Who wrote Moby Dick?", "--context-file", path)
    assert record["answer"] == "Herman Melville"
    assert record["source"] == f"{path}, line {2 if form == 'jsonl' else 3}"


def test_how_texts_are_found_is_said(run, folder):
    result = run("answer", "Who wrote Moby Dick?", "--context-file", folder, "--top", "2")
    assert "4 passages of 2 texts; those with the words of the question (BM25)" in result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].split("  ")[1] == "Herman Melville"
    assert lines[1].split()[0] == str(folder / "sea" / "moby.md")
    assert lines[2].strip().startswith("Moby Dick is a novel")


def test_a_file_of_questions_gets_its_sources(run, folder, tmp_path):
    (tmp_path / "q.csv").write_text("id,question\na,Who wrote Moby Dick?\nb,Zebra?\n")
    out = tmp_path / "out.jsonl"
    words = ["-i", tmp_path / "q.csv", "--context-file", folder, "-o", out]
    result = run("answer", *words)
    assert result.exit_code == 1
    first, second = map(json.loads, out.read_text().splitlines())
    assert (first["id"], first["answer"]) == ("a", "Herman Melville")
    assert first["source"].endswith("moby.md") and "context" not in first
    assert second["error"] == "no text has a word of the question"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--context-file", "books", "--context-file", "-"], 2, "stdin is one text"),
        (["--context-file", "books", "--show-code"], 2, "--show-code is for one text"),
        (["--context", "a", "--passages", "3"], 2, "--passages is for many texts"),
        (["--context-file", "books", "--context", "a"], 2, "not both"),
        (["--context-file", "none", "--context-file", "books"], 3, "cannot read none"),
        (["--context-file", "empty"], 3, "holds no .txt or .md file"),
        (["--context-file", "blank"], 3, "are empty"),
        (["--context-file", "latin"], 3, "is not UTF-8"),
    ],
)
def test_what_cannot_be_searched_is_refused(run, folder, monkeypatch, words, code, message):
    monkeypatch.chdir(folder.parent)
    for name, content in {"empty": None, "blank": b" \n", "latin": "né".encode("latin-1")}.items():
        Path(name).mkdir()
        if content is not None:
            (Path(name) / "a.txt").write_bytes(content)
    result = run("answer", "Who?", *words)
    assert result.exit_code == code and message in result.stderr


def test_the_python_api_takes_paths(folder):
    result = llmcli.answer("Who wrote Moby Dick?", folder)
    assert (result.answer, result.source) == ("Herman Melville", str(folder / "sea" / "moby.md"))
    paths = [folder / "emma.txt", folder / "sea" / "moby.md"]
    one, other = llmcli.answer(["Who wrote Moby Dick?", "When was Emma published?"], paths)
    assert (one.answer, other.answer) == ("Herman Melville", "1815")
    with pytest.raises(llmcli.UsageError, match="`context` is a text"):
        llmcli.answer("Who?", [])
