import doctest
import sys

import pytest

from llmcli.cli.dialogue import answer_view, clipboard, editor
from llmcli.cli.dialogue.answer_view import MarkdownView

pyte = pytest.importorskip("pyte")


@pytest.mark.parametrize("module", [answer_view, editor])
def test_worked_examples_hold(module):
    assert doctest.testmod(module).failed == 0


def shown(monkeypatch, capsys, pieces, columns=40, lines=12):
    """The rows of a terminal after the pieces of an answer."""
    view = MarkdownView(lambda: (columns, lines))
    for piece in pieces:
        view.push(piece)
    view.end()
    screen = pyte.Screen(columns, lines)
    stream = pyte.Stream(screen)
    stream.feed("above\r\n" + capsys.readouterr().out.replace("\n", "\r\n"))
    return [row.rstrip() for row in screen.display], screen


TEXT = "Some **bold** words.\n\n- one\n- two\n\n```python\nx = 1\n\ny = 2\n```\nThe *end*."


@pytest.mark.parametrize("size", [1, 3, 7, len(TEXT)])
def test_a_finished_block_is_shown_as_what_it_means(monkeypatch, capsys, size):
    pieces = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]
    rows, screen = shown(monkeypatch, capsys, pieces, lines=16)
    text = [row.strip() for row in rows if row.strip()]
    assert text == ["above", "Some bold words.", "• one", "• two", "x = 1", "y = 2", "The end."]
    assert screen.buffer[1][5].bold


def test_text_without_marks_is_left_as_it_was_written(monkeypatch, capsys):
    rows, _ = shown(monkeypatch, capsys, ["one two\n\nthree ", "2 * 3 * 4\n"])
    assert rows[:5] == ["above", "one two", "", "three 2 * 3 * 4", ""]


def test_wide_characters_and_long_lines_are_replaced_whole(monkeypatch, capsys):
    rows, _ = shown(monkeypatch, capsys, ["**看**" + "电影" * 30 + "\n\nb"], columns=20)
    assert rows[0] == "above" and "*" not in "".join(rows) and rows[9] == "b"


def test_a_block_that_is_taller_than_the_screen_stays(monkeypatch, capsys):
    rows, _ = shown(monkeypatch, capsys, ["- x\n" * 20], lines=10)
    assert rows[0] == "- x"


def test_control_characters_of_a_model_move_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    view = MarkdownView(lambda: (40, 12))
    view.push("**a\x1b[2Jb**\n\n")
    assert "\x1b[2J" not in capsys.readouterr().out.split("\x1b[J")[-1]


def test_without_a_program_the_terminal_is_asked_to_copy(monkeypatch, capsys):
    monkeypatch.setattr(clipboard, "PROGRAMS", ())
    assert clipboard.copy("hi") == "not copied: no program for the clipboard was found"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert "may ignore" in clipboard.copy("hi")
    assert capsys.readouterr().out == "\x1b]52;c;aGk=\x07"


def test_a_program_that_fails_is_not_believed(monkeypatch, tmp_path):
    for name, code in (("bad", 1), ("good", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\ncat > {tmp_path}/{name}.txt; exit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(clipboard, "PROGRAMS", ((f"{tmp_path}/bad",), (f"{tmp_path}/good",)))
    assert clipboard.copy("看") == f"copied, by {tmp_path}/good"
    assert (tmp_path / "good.txt").read_text("utf-8") == "看"
