"""Texts on the command line that are names of files."""

import pytest


@pytest.mark.parametrize(
    "command",
    [
        *("generate", "classify", "tag", "translate", "answer", "fill", "embed", "forward"),
        *("score", "tokenize"),
    ],
)
@pytest.mark.parametrize("name", ["reviews.csv", "my reviews.JSONL", "a/b.txt.gz"])
def test_the_name_of_a_file_is_refused_as_a_text(run, tmp_path, monkeypatch, command, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("text\na\n")
    result = run(command, "a text", name)
    assert result.exit_code == 2
    assert f"{name} is a file: -i {name} reads it; after -- it is a text" in result.stderr


def test_after_two_dashes_it_is_a_text(run, tmp_path, monkeypatch, tiny_gpt2):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.txt").write_text("a dog\n")
    result = run("tokenize", "-m", tiny_gpt2, "--ids", "--", "cat.txt")
    assert result.exit_code == 0 and "no such file" not in result.stderr


def test_a_name_without_a_file_is_a_text_with_a_note(run, tiny_gpt2):
    result = run("tokenize", "-m", tiny_gpt2, "reviws.csv")
    assert result.exit_code == 0
    assert "[reviws.csv is taken as a text: there is no such file" in result.stderr
    for text in ("version 1.5", "a file.csv is a table", ".csv", "cat."):
        assert "no such file" not in run("tokenize", "-m", tiny_gpt2, text).stderr


def test_the_name_of_a_file_is_no_context(run, tmp_path):
    (tmp_path / "report.txt").write_text("the cat\n")
    result = run("answer", "who ?", "--context", tmp_path / "report.txt")
    assert result.exit_code == 2 and "--context-file" in result.stderr
