"""Variables of the environment, for all commands and for one."""

import json
import re
from pathlib import Path

import pytest

from llmcli.cli.environment import OF_THE_PROGRAM, SHARED

SOURCE = Path(__file__).parent.parent.parent / "llmcli"


def test_a_variable_for_one_command_comes_before_the_one_for_all(run, monkeypatch, tiny_classifier):
    monkeypatch.setenv("LLMCLI_MODEL", "no/such-folder/at-all")
    monkeypatch.setenv("LLMCLI_CLASSIFY_MODEL", str(tiny_classifier))
    result = run("classify", "the cat", "--json")
    assert json.loads(result.stdout)[0]["label"] in ("sad", "glad", "mad")
    assert run("embed", "the cat").exit_code == 4


def test_each_option_reads_a_variable_with_the_name_of_its_flag(run, monkeypatch, tiny_classifier):
    monkeypatch.setenv("LLMCLI_CLASSIFY_JSON", "1")
    monkeypatch.setenv("LLMCLI_CLASSIFY_DTYPE", "fp32")
    monkeypatch.setenv("LLMCLI_CLASSIFY_TOP", "2")
    result = run("classify", "the cat", "-m", tiny_classifier)
    assert len(json.loads(result.stdout)[0]["scores"]) == 2


def test_a_command_of_a_group_has_variables_too(run, monkeypatch):
    monkeypatch.setenv("LLMCLI_MODELS_LIST_FORMAT", "jsonl")
    assert json.loads(run("models", "list").stdout.splitlines()[0])["name"] == "bert-en"


@pytest.mark.parametrize(
    ("name", "telling"),
    [
        ("LLMCLI_CLASSIFY_MODLE", "did you mean LLMCLI_CLASSIFY_MODEL?"),
        ("LLMCLI_MODLE", "did you mean LLMCLI_MODEL?"),
        ("LLMCLI_CLASSIFY_TEMPERATURE", "no option reads it"),
    ],
)
def test_a_variable_that_nothing_reads_is_refused(run, monkeypatch, name, telling):
    monkeypatch.setenv(name, "1")
    result = run("classify", "a")
    assert (result.exit_code, telling in result.stderr) == (2, True)
    assert run("classify", "--help").exit_code == 0


def test_variables_of_another_command_are_left_alone(run, monkeypatch):
    monkeypatch.setenv("LLMCLI_GENERATE_TEMPRATURE", "1")
    assert run("models", "list").exit_code == 0


def test_all_variables_that_the_program_reads_are_known():
    text = "".join(path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    named = set(re.findall(r'"(LLMCLI_[A-Z_]+)"', text))
    assert named == {*SHARED, *OF_THE_PROGRAM}
