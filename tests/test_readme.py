"""README.md says what is so."""

import re
from pathlib import Path

import pytest

import llmcli
from tests.readme import BLOCK, README, run_in_folder, transcripts
from tests.test_architecture import COMMANDS

TEXT = README.read_text()
PACKAGE = Path(llmcli.__file__).parent


def test_every_transcript_is_what_the_commands_print():
    shown = list(transcripts(TEXT))
    printed = list(run_in_folder([command for command, _ in shown]))
    assert len(shown) >= 8
    for (command, expected), actual in zip(shown, printed, strict=True):
        assert words(actual) == words(expected), command
        assert numbers(actual) == pytest.approx(numbers(expected), rel=0.01, abs=0.01), command


DECIMAL = re.compile(r"-?\d+\.\d+")


def words(text):
    """A text without its fractions, whose last digits another processor rounds otherwise."""
    return [part.split() for part in DECIMAL.split(text)]


def numbers(text):
    return [float(found) for found in DECIMAL.findall(text)]


def test_every_command_has_a_transcript():
    commands = " ".join(BLOCK.findall(TEXT))  # those that need a model, too
    for name in COMMANDS:
        assert f"llmcli {name}" in commands, name


def test_the_tree_names_every_file():
    tree = re.search(r"## Where things are\n.*?```\n(.*?)```", TEXT, re.DOTALL)[1]
    for path in PACKAGE.rglob("*.py"):
        if path.name not in ("__init__.py", "__main__.py"):
            assert path.name in tree, path


def test_every_flag_that_it_names_exists():
    known = {
        flag for command in COMMANDS.values() for option in command.params for flag in option.opts
    }
    known |= {"--help", "--version", "--no-echo", "--no-special", "--index-url"}  # pip's
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", TEXT))
    assert named - known == set()
