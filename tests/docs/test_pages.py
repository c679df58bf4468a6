"""The pages say what is so: commands, flags."""

import re

from tests.docs.pages import PAGES
from tests.docs.transcripts import steps
from tests.test_architecture import COMMANDS

TEXTS = {page: page.read_text("utf-8") for page in PAGES}


def test_every_command_has_a_transcript():
    shown = " ".join(step.command for text in TEXTS.values() for step in steps(text))
    for name in COMMANDS:
        assert f"llmcli {name}" in shown, name


def test_every_flag_that_they_name_exists():
    known = {
        flag
        for command in COMMANDS.values()
        for option in command.params
        for flag in (*option.opts, *option.secondary_opts)
    }
    known |= {"--help", "--version", "--index-url"}  # the last is pip's
    for page, text in TEXTS.items():
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text))
        assert named - known == set(), page
