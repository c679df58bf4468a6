"""NO_COLOR and FORCE_COLOR: in pipes and on terminals, whatever writes the output."""

import io
import os
import pty
import subprocess
import sys

import pytest

from llmcli.cli.colours import has_colours

COMMANDS = {
    "tokenize": ["tokenize", "hello", "-q"],  # click.style and rich
    "models list": ["models", "list"],  # rich
    "generate": ["generate", "Once", "-n", "2", "-q"],  # the prompt is dim
    "forward": ["forward", "hello", "-q"],
    "classify": ["classify", "hello", "--format", "table", "-q"],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_force_color_colours_a_pipe_and_no_color_does_not(run, monkeypatch, words):
    plain = run(*words).stdout
    assert "\x1b" not in plain
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = run(*words).stdout
    assert "\x1b[" in coloured
    monkeypatch.setenv("NO_COLOR", "1")  # it wins
    assert run(*words).stdout == plain


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "expected"),
    [
        (Terminal, {}, True),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"NO_COLOR": ""}, True),
        (Terminal, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (io.StringIO, {}, False),
        (io.StringIO, {"FORCE_COLOR": "1"}, True),
        (io.StringIO, {"FORCE_COLOR": ""}, False),
    ],
)
def test_a_variable_that_is_empty_counts_as_unset(monkeypatch, stream, variables, expected):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_colours(stream()) is expected


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_is_coloured_unless_no_color_is_set(no_color):
    master, slave = pty.openpty()
    words = [sys.executable, "-m", "llmcli", *COMMANDS["tokenize"]]
    environment = {**os.environ, "NO_COLOR": no_color, "COLUMNS": "60"}
    subprocess.run(words, stdout=slave, env=environment, check=True, timeout=120)
    os.close(slave)
    shown = os.read(master, 100_000)
    os.close(master)
    assert (b"\x1b[" in shown) is (no_color == "")
    assert b"'llo'" in shown
