"""The keys of `learn` in a terminal."""

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from llmcli.cli.output import Output
from llmcli.cli.tour_screen import Screen, command_lines
from llmcli.cli.tour_walk import walk
from llmcli.spec import OutputOptions
from tests.interpretability.tour.tours import article_tour


@pytest.fixture
def walked(capsys):
    """Walk with some lines typed; returns the steps' numbers in order, and all that was shown."""

    def with_lines(*lines, language="en"):
        screen = Screen(Output(OutputOptions("text"), ("text",)), language)
        waiting = list(lines)
        prompts = []

        def ask(prompt):
            prompts.append(prompt)
            return waiting.pop(0) if waiting else None

        walk(article_tour(), screen, ask)
        shown = capsys.readouterr().out
        numbers = [int(line.split()[1]) for line in shown.splitlines() if line.startswith("Step ")]
        return numbers, shown, prompts

    return with_lines


def test_enter_shows_the_answer_and_then_the_next_step(walked):
    numbers, shown, prompts = walked("", "", "", "q")
    assert numbers == [1, 2]
    assert "27 tokens for 9 characters" in shown and "with a cosine of" in shown
    assert [prompt.split(",")[0] for prompt in prompts] == [
        "Your guess",
        "Enter for the next step (b back",
    ] * 2


def test_the_answer_is_not_shown_before_the_guess(walked):
    _, shown, _ = walked("q")
    assert "Guess: " in shown and "27 tokens" not in shown


def test_b_goes_back_and_a_number_to_that_step(walked):
    assert walked("3", "b", "b", "b", "8", "", "1", "q")[0] == [1, 3, 2, 1, 1, 8, 1]


def test_a_guess_is_judged(walked):
    assert "Right." in walked("MORE", "q")[1]
    assert "You said: fewer." in walked("fewer", "q")[1]


def test_a_number_without_a_step_says_how_many_there_are(walked):
    numbers, shown, _ = walked("11", "0", "q")
    assert numbers == [1, 1, 1] and shown.count("there are 1 to 10") == 2


def test_the_last_step_ends_the_tour_and_so_does_the_end_of_input(walked):
    assert walked("10", "", "")[0] == [1, 10]
    assert walked("10")[0] == [1, 10]


def test_the_keys_are_explained_in_chinese(walked):
    _, shown, prompts = walked("", language="zh")
    assert "猜一猜：" in shown and "q 退出" in prompts[0]


def test_a_wide_command_is_continued_as_a_shell_reads_it():
    command = 'llmcli explain "I go." --section by-hand --layers 3'
    first, second = command_lines(command, 50)
    assert f"{first}\n{second}".replace("\\\n", " ").split() == command.split()


def test_in_a_terminal_the_tour_waits_for_keys():
    """The whole program on a pseudo-terminal: guess, answer, quit."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "llmcli", "learn", "-q", "--lang", "en", "One day"]
    environment = {**os.environ, "TERM": "dumb", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=environment
    )
    os.close(follower)
    try:
        shown = _read_until(leader, "Your guess")
        assert "27 tokens" not in shown and "Guess: " in shown
        os.write(leader, b"\n")
        assert "Try it:" in _read_until(leader, "Enter for the next step")
        os.write(leader, b"q\n")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def _read_until(terminal, sign, patience=120):
    text, end = "", time.monotonic() + patience
    while sign not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            text += os.read(terminal, 4096).decode("utf-8", "replace")
    return text
