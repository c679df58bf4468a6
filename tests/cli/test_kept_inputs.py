"""A command never writes over a file that it reads."""

import os
import subprocess
import sys

import click
import pytest

from llmcli.cli.types import InputPath, OutputPath
from tests.cli.test_command import LEAVES

ROWS = "text,label\nthe cat,a\na dog,b\n"
CONTEXT = ("--context", "a dog")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with in.csv and other paths of the same file; the test runs in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text(ROWS)
    (tmp_path / "link.csv").symlink_to("in.csv")
    os.link("in.csv", "hard.csv")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "output", ["in.csv", "./in.csv", "folder/../in.csv", "link.csv", "hard.csv"]
)
@pytest.mark.parametrize(
    "command",
    [
        *("generate", "classify", "tag", "translate", "answer", "fill", "embed", "forward"),
        *("score", "tokenize"),
    ],
)
def test_an_output_that_is_the_input_is_refused(run, files, command, output):
    more = CONTEXT if command == "answer" else ()
    for path in (output, files / output):
        result = run(command, "-i", "in.csv", *more, "-o", path)
        assert result.exit_code == 2
        assert f"--output {path} is the same file as --input in.csv" in result.stderr
    assert (files / "in.csv").read_text() == ROWS
    assert not [path for path in files.iterdir() if ".part" in path.name]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("answer q --context-file in.csv -o hard.csv", "--context-file in.csv"),
        ("finetune --train in.csv -o link.csv", "--train in.csv"),
        ("finetune --train x.csv --eval in.csv -o in.csv", "--eval in.csv"),
        ("finetune --train x.csv -m folder -o ./folder", "--model folder"),
        ("evaluate --task classification --predictions p.json -o p.json", "--predictions p.json"),
        (
            "evaluate --task causal-lm -i x.txt --baseline-train p.json -o p.json",
            "--baseline-train",
        ),
        ("compare --task classification p.json in.csv -o p.json", "A p.json"),
        ("models convert folder ./folder", "MODEL folder"),
        ("tag -i in.csv --html link.csv", "--input in.csv"),
        ("generate a --config p.json -o p.json", "--config p.json"),
        ("generate a -m folder -o folder/config.json", "--model folder"),
    ],
)
def test_so_is_every_other_file_that_a_command_reads(run, files, words, message):
    (files / "p.json").write_text("{}")
    (files / "folder" / "config.json").write_text("{}")
    before = {path: path.read_bytes() for path in files.rglob("*") if path.is_file()}
    result = run(*words.split())
    assert result.exit_code == 2, result.output
    assert "is the same file as" in result.stderr and message in result.stderr
    assert {path: path.read_bytes() for path in files.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("beside", ["out.jsonl.part", "out.jsonl.part.journal", "out.jsonl.jsonl"])
def test_so_are_the_files_beside_an_output(run, files, beside):
    (files / beside).write_text('{"row": 1, "text": "the cat"}\n')
    result = run("tokenize", "-i", beside, "--input-format", "jsonl", "-o", "out.jsonl")
    assert result.exit_code == 2 and f"{beside}, beside --output, is" in result.stderr


def test_two_outputs_are_two_files(run, files):
    result = run("tag", "-i", "in.csv", "-o", "out.txt", "--html", "./out.txt")
    assert result.exit_code == 2 and "both name" in result.stderr


@pytest.mark.parametrize(
    "line",
    [
        "tokenize -i in.csv >> link.csv",
        "tokenize -i - -o in.csv < in.csv",
        "tokenize -o in.csv < in.csv",
    ],
)
def test_stdin_and_stdout_are_files_too(files, line):
    shell = f"{sys.executable} -m llmcli {line}"
    done = subprocess.run(shell, shell=True, cwd=files, capture_output=True, text=True)
    assert done.returncode == 2 and "is the same file as" in done.stderr
    assert (files / "in.csv").read_text() == ROWS


def test_another_file_beside_the_input_is_written(run, files, tiny_gpt2):
    result = run("tokenize", "-m", tiny_gpt2, "-i", "in.csv", "-o", "out.csv")
    assert result.exit_code == 0 and (files / "out.csv").exists()
    os.unlink("hard.csv")
    words = ("-i", "in.csv", "-o", "/dev/null", "--format", "jsonl")
    assert run("tokenize", "-m", tiny_gpt2, *words).exit_code == 0


def test_every_option_with_a_file_says_whether_it_is_read_or_written():
    for path, command in LEAVES.items():
        for param in command.params:
            if param.name == "config" or not isinstance(param, click.Option):
                continue
            if param.metavar in ("FILE", "DIR", "FOLDER", "CONFIG", "MODEL"):
                assert isinstance(param.type, (InputPath, OutputPath)), (path, param.name)
