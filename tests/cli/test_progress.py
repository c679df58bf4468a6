"""The line that shows how far a run is."""

import os
import pty
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from llmcli.cli.progress import Progress
from llmcli.data.done import Done
from llmcli.data.rows import Row


@dataclass
class Result:
    row: Row


def progress_at(rows, fraction_read, seconds, limit=None, before=0):
    progress = Progress(None, limit=limit, done=Done(before))
    list(progress.count(Result(Row(number, "")) for number in range(1, rows + 1)))
    return progress.line(fraction_read, seconds)


@pytest.mark.parametrize(
    ("rows", "fraction_read", "seconds", "more", "line"),
    [
        (10, None, 2.0, {}, "10 rows  5.0 rows/s"),
        (2000, 0.25, 10.0, {}, "2,000 rows  200.0 rows/s  25%  0:00:30 left"),
        (50, 0.01, 5.0, {"limit": 200}, "50 rows  10.0 rows/s  25%  0:00:15 left"),
        # an earlier run did as many rows: this one needs as long again for the other half
        (100, 0.5, 60.0, {"before": 100}, "200 rows  1.7 rows/s  50%  0:02:00 left"),
        (100, 1.0, 60.0, {}, "100 rows  1.7 rows/s  100%  0:00:00 left"),
    ],
)
def test_the_line_shows_rows_speed_and_time_left(rows, fraction_read, seconds, more, line):
    assert progress_at(rows, fraction_read, seconds, **more) == line


def test_several_results_of_a_row_are_one_row():
    progress = Progress(None)
    list(progress.count(Result(Row(number, "")) for number in (1, 1, 1, 2)))
    assert progress.line(None, 1.0) == "2 rows  2.0 rows/s"


def run_on(stderr, folder):
    source, target = folder / "in.txt", folder / "out.jsonl"
    source.write_text("the cat\n" * 20_000)
    words = [sys.executable, "-m", "llmcli", "tokenize", "-m", "gpt2-stories"]
    words += ["-i", str(source), "-o", str(target)]
    return subprocess.run(words, stderr=stderr, timeout=120, env={**os.environ, "COLUMNS": "80"})


def test_a_terminal_shows_the_line_and_a_pipe_does_not(tmp_path):
    assert run_on(subprocess.PIPE, tmp_path).stderr == b""
    master, slave = pty.openpty()
    assert run_on(slave, tmp_path).returncode == 0
    os.close(slave)
    shown = os.read(master, 100_000)
    os.close(master)
    assert b"rows/s" in shown and shown.endswith(b"\r\x1b[K")


@pytest.mark.parametrize(
    ("rows", "fraction_read", "seconds", "line"),
    [
        (1, 0.0002, 1.9, "1 row  0.5 rows/s  0%"),
        (1, 0.0002, 60.0, "1 row  0.0 rows/s  0%"),
        (9, 0.01, 60.0, "9 rows  0.1 rows/s  1%"),
        (10, 0.01, 60.0, "10 rows  0.2 rows/s  1%  1:39:00 left"),
        (1, 0.5, 60.0, "1 row  0.0 rows/s  50%  0:01:00 left"),
        (100, 0.5, 1.0, "100 rows  100.0 rows/s  50%"),
    ],
)
def test_time_left_is_shown_once_it_means_something(rows, fraction_read, seconds, line):
    assert progress_at(rows, fraction_read, seconds) == line


def shown_on_a_terminal(*words):
    """All that a command writes to a terminal, results too."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "llmcli", *words]
    process = subprocess.Popen(command, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 10_000)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    process.wait()
    os.close(master)
    return shown.decode()


def test_no_line_of_progress_stays_beside_results(tmp_path):
    (tmp_path / "in.txt").write_text("the cat\n" * 300)
    words = ("tokenize", "-m", "gpt2-stories", "-i", str(tmp_path / "in.txt"), "--ids")
    lines = shown_on_a_terminal(*words).split("\r\n")
    left = [line.split("\x1b[K")[-1] for line in lines]
    assert not [line for line in left if "row" in line or "working" in line]


class Screen:
    """An output on a terminal, which keeps the lines of progress."""

    is_live = True

    def __init__(self):
        self.lines = []

    def waiting(self, what):
        return nullcontext()

    def status(self, line, *, stays):
        self.lines.append(line)

    def clear_status(self): ...


def test_rows_of_a_running_window_are_counted(monkeypatch):
    monkeypatch.setattr("llmcli.cli.progress.PAUSE", 0.0)
    screen = Screen()
    progress = Progress(screen)

    def results():
        progress.advance(50.0, 200, 1.0)
        progress.advance(150.0, 200, 1.0)
        yield from (Result(Row(number, "", fraction_read=1.0)) for number in range(1, 201))

    list(progress.count(results()))
    shown = [line.split("  ") for line in screen.lines]
    shares = [(parts[0], parts[2]) for parts in shown[:2]]
    assert shares == [("50 rows", "25%"), ("150 rows", "75%")]
    assert screen.lines[-1].startswith("200 rows")


def test_a_single_text_shows_its_share(monkeypatch):
    monkeypatch.setattr("llmcli.cli.progress.PAUSE", 0.0)
    screen = Screen()
    Progress(screen, limit=1).advance(0.25, 1, None)
    assert screen.lines == ["25%"]
