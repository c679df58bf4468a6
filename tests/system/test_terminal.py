"""A terminal gets no control character of a text; pipes and files get each."""

import importlib
import io
import sys

import pytest

from llmcli.system.terminal import ProgressChannel, Terminal, escaped, guarded, own_channel

SAFE = "a\tb\n 月 é 👩‍🚀 e\u0301 \u200c\u200d\ufeff\u00ad [red]x[/] :smile: \\x1b"
SHOWN = {
    "\x1b]0;title\x07": "\\x1b]0;title\\x07",
    "\x00\x08\r\x0b\x0c\x1f\x7f": "\\x00\\x08\\x0d\\x0b\\x0c\\x1f\\x7f",
    "\x80\x9b2J\x9f": "\\x80\\x9b2J\\x9f",
    "\u061c\u200e\u202e\u2066\u2069": "\\u061c\\u200e\\u202e\\u2066\\u2069",
    "\u2028\u2029\ud83d": "\\u2028\\u2029\\ud83d",
    "\r\n": "\\x0d\n",
}


class Screen(io.BytesIO):
    """What a terminal received."""

    def isatty(self):
        return True


def stream(kind):
    return io.TextIOWrapper(kind(), encoding="utf-8", errors="backslashreplace")


@pytest.mark.parametrize(("text", "shown"), [*SHOWN.items(), (SAFE, SAFE)])
def test_what_a_terminal_shows(text, shown):
    assert escaped(text) == shown
    terminal, pipe = guarded(stream(Screen)), guarded(stream(io.BytesIO))
    for each in (terminal, pipe):
        print(text, file=each, flush=True)
        each.writelines([text, "\n"])
        for piece in text:  # a sequence in pieces
            each.write(piece)
        each.flush()
    assert terminal.buffer.getvalue().decode() == f"{shown}\n" * 2 + shown
    raw = text.encode("utf-8", "backslashreplace").decode()
    assert pipe.buffer.getvalue().decode() == f"{raw}\n" * 2 + raw


def test_own_sequences_stand_in_their_order():
    terminal = guarded(stream(Screen))
    assert guarded(terminal) is terminal and isinstance(terminal, Terminal)
    for at in range(3):
        own_channel(terminal).write("\x1b[2m")
        terminal.write(f"{at}\x1b[2m")
    terminal.flush()
    assert terminal.buffer.getvalue() == b"".join(b"\x1b[2m%d\\x1b[2m" % at for at in range(3))


def test_a_bar_of_a_download_moves_the_cursor_and_its_text_does_not(monkeypatch):
    from tqdm import tqdm

    monkeypatch.setattr(sys, "stderr", guarded(stream(Screen)))
    with tqdm(total=2, desc="a\x1b[2J\r\x07", file=ProgressChannel(), ncols=60) as bar:
        bar.update(2)
        with tqdm(total=1, desc="b", file=ProgressChannel(), ncols=60, leave=False):
            pass
    written = sys.stderr.buffer.getvalue().decode()
    assert "\ra\\x1b[2J\\x0d\\x07: 100%" in written and "\x1b[A" in written
    assert "\x1b[2J" not in written and "\x07" not in written


def test_the_bar_of_the_hub_writes_through_that_channel(monkeypatch):
    from llmcli.models.progress_bar import progress_bar

    # --quiet of an earlier test in this process may have switched bars off.
    module = importlib.import_module("huggingface_hub.utils.tqdm")
    monkeypatch.setattr(module, "HF_HUB_DISABLE_PROGRESS_BARS", None)
    monkeypatch.setattr(module, "progress_bar_states", {})
    monkeypatch.setattr(sys, "stderr", guarded(stream(Screen)))
    with progress_bar()(total=1, desc="\x9b2J", disable=False) as bar:
        bar.update()
    assert "\\x9b2J" in sys.stderr.buffer.getvalue().decode()
