"""Where a user's messages come from: lines of a pipe, or an editor of lines in a terminal."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TextIO

from llmcli.cli.colours import print_styled
from llmcli.system.extras import is_installed

BLOCK = '"""'
"""Begins and ends a message of several lines."""
MORE = "... "


class Editor(Protocol):
    """Reads messages."""

    def read(self, prompt: str, text: str = "") -> str | None:
        """Read a message; None at the end of the input.

        text: what stands in the line already, to be changed. Raises KeyboardInterrupt.
        """


def open_editor(commands: Iterable[str], note: Callable[[str], None]) -> Editor:
    """Choose the editor for stdin and stdout. commands: what Tab completes after a /."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return PipeEditor(sys.stdin)
    if not is_installed("prompt_toolkit"):
        note("pip install 'llmcli[chat]' adds messages of several lines, history search and Tab")
        return PlainEditor()
    return LineEditor(commands)


class PipeEditor:
    """Each line is a message; lines between two triple quotes are one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def read(self, prompt: str, text: str = "") -> str | None:
        """Read a message; see `Editor`. A pipe changes no text: it is returned as it is."""
        return text or read_block(lambda prompt: self._line(), prompt)

    def _line(self) -> str | None:
        line = self._stream.readline()
        return line.rstrip("\r\n") if line else None


class PlainEditor:
    """Python's own line editing, where the extra for a better one is not installed."""

    def __init__(self) -> None:
        try:
            import readline

            self._readline: Any = readline
        except ImportError:  # Windows
            self._readline = None

    def read(self, prompt: str, text: str = "") -> str | None:
        """Read a message; see `Editor`. Without readline, the old text is shown above the line."""
        if text and self._readline is None:
            print_styled(sys.stdout, [(f"{text}\n", {"dim": True})])
        elif text:
            self._readline.set_startup_hook(lambda: self._readline.insert_text(text))
        try:
            return read_block(_input, prompt)
        finally:
            if self._readline is not None:
                self._readline.set_startup_hook()


def _input(prompt: str) -> str | None:
    try:
        return input(prompt)
    except EOFError:
        return None


def read_block(read: Callable[[str], str | None], prompt: str) -> str | None:
    """Read a line, or what stands between triple quotes in this line and those after it."""
    line = read(prompt)
    if line is None or not line.lstrip().startswith(BLOCK):
        return line
    text = line.lstrip().removeprefix(BLOCK)
    while not text.rstrip().endswith(BLOCK):
        line = read(MORE)
        if line is None:
            return text.strip("\n")
        text += "\n" + line
    return unquoted(BLOCK + text)


def unquoted(text: str) -> str:
    r'''A message without the triple quotes around it, if there are some.

    >>> unquoted('"""one\ntwo"""'), unquoted("one")
    ('one\ntwo', 'one')
    '''
    bare = text.strip()
    if not bare.startswith(BLOCK):
        return text
    return bare.removeprefix(BLOCK).removesuffix(BLOCK).strip("\n")


class LineEditor:
    """An editor of lines: history and its search, Tab, several lines by Alt-Enter or a paste."""

    def __init__(self, commands: Iterable[str]) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.history import InMemoryHistory

        # Asking where the cursor is gains nothing here, and some terminals do not answer.
        os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
        names = [f"/{name}" for name in commands]
        self._session: Any = PromptSession(
            history=InMemoryHistory(),  # nothing is written to a file
            completer=WordCompleter(names, sentence=True),
            complete_while_typing=False,
            multiline=True,
            prompt_continuation=MORE,
            key_bindings=_bindings(),
            enable_open_in_editor=False,
        )

    def read(self, prompt: str, text: str = "") -> str | None:
        """Read a message; see `Editor`."""
        try:
            typed: str = self._session.prompt(prompt, default=text)
        except EOFError:
            return None
        return unquoted(typed)


def _bindings() -> Any:
    """Enter ends a message, unless triple quotes are open; Alt-Enter begins a line."""
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    @bindings.add("enter")
    def end(event: Any) -> None:
        buffer = event.current_buffer
        if is_open_block(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @bindings.add("escape", "enter")
    def new_line(event: Any) -> None:
        event.current_buffer.insert_text("\n")

    return bindings


def is_open_block(text: str) -> bool:
    r'''True for a message that triple quotes began and have not ended yet.

    >>> is_open_block('"""one'), is_open_block('"""one"""'), is_open_block('one')
    (True, False, False)
    '''
    bare = text.strip()
    return bare.startswith(BLOCK) and (len(bare) < 2 * len(BLOCK) or not bare.endswith(BLOCK))
