"""Copying a text to the clipboard, by a program of the system or by the terminal."""

import base64
import shutil
import subprocess
import sys

from llmcli.system.terminal import own_channel

PROGRAMS = (("pbcopy",), ("wl-copy",), ("xclip", "-selection", "clipboard"), ("clip.exe",))
SECONDS = 2
MOST = 74_994  # bytes that terminals take; xterm's limit


def copy(text: str) -> str:
    """Copy a text; return in a few words who has it, or why it could not be copied.

    Where no program copies it, the terminal is asked by the sequence OSC 52, which some ignore.
    Source: XTerm Control Sequences, Operating System Commands.
    """
    for words in PROGRAMS:
        if shutil.which(words[0]) is not None and _run(words, text):
            return f"copied, by {words[0]}"
    data = text.encode()
    if len(data) > MOST or not sys.stdout.isatty():
        return "not copied: no program for the clipboard was found"
    own = own_channel(sys.stdout)
    own.write(f"\x1b]52;c;{base64.b64encode(data).decode()}\x07")
    own.flush()
    return "handed to the terminal (OSC 52), which may ignore it"


def _run(words: tuple[str, ...], text: str) -> bool:
    try:
        done = subprocess.run(
            words, input=text.encode(), capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
