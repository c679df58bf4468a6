"""README.md says what is so."""

import re
from pathlib import Path

import llmcli
from tests.readme import README, run_in_folder, transcripts
from tests.test_architecture import COMMANDS

TEXT = README.read_text()
PACKAGE = Path(llmcli.__file__).parent


def test_every_transcript_is_what_the_commands_print():
    shown = list(transcripts(TEXT))
    printed = list(run_in_folder([command for command, _ in shown]))
    assert len(shown) >= 8
    for (command, expected), actual in zip(shown, printed, strict=True):
        assert actual == expected, command


def test_every_command_has_a_transcript():
    commands = " ".join(command for command, _ in transcripts(TEXT))
    for name in COMMANDS:
        if name not in ("models pull", "models rm", "models convert", "finetune"):  # hub, minutes
            assert f"llmcli {name}" in commands, name
        assert f"llmcli {name}" in TEXT, name


def test_the_tree_names_every_file():
    tree = re.search(r"## Where things are\n.*?```\n(.*?)```", TEXT, re.DOTALL)[1]
    for path in PACKAGE.rglob("*.py"):
        if path.name not in ("__init__.py", "__main__.py"):
            assert path.name in tree, path


def test_every_flag_that_it_names_exists():
    known = {
        flag for command in COMMANDS.values() for option in command.params for flag in option.opts
    }
    known |= {"--help", "--version", "--no-echo", "--no-special"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", TEXT))
    assert named - known == set()
