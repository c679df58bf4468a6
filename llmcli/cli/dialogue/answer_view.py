"""An answer on a terminal: plain while it is written, Markdown where a block of it is finished."""

import re
import shutil
import sys
from collections.abc import Callable
from typing import Any

from llmcli.cli.colours import has_colours, print_styled
from llmcli.system.terminal import escaped, own_channel

FENCE = re.compile(r"^ {0,3}(```|~~~)")
MARKED = re.compile(
    r"^ {0,3}(#{1,6} |[-*+] |\d+[.)] |> |```|~~~|\|)|\*\*|__|`|\[[^\]]+\]\(|(?<!\w)[*_]\w",
    re.MULTILINE,
)
"""What may be Markdown in a text; a text without it is shown as it is."""


class PlainView:
    """Writes the pieces of an answer as they come."""

    def push(self, text: str) -> None:
        """Write a piece."""
        print_styled(sys.stdout, [(text, {})])

    def end(self) -> None:
        """End the line."""
        print_styled(sys.stdout, [("\n", {})])


class MarkdownView:
    """Writes pieces as they come, and a finished block again as what its Markdown means.

    A block ends at a blank line, one in code where the code ends. One that is taller than the
    screen stays as it was written: its beginning cannot be reached any more.
    """

    def __init__(self, size: Callable[[], tuple[int, int]] | None = None) -> None:
        """size: the columns and lines of the terminal."""
        self._size = size or shutil.get_terminal_size
        self._block = ""

    def push(self, text: str) -> None:
        """Write a piece."""
        for part in re.split(r"(?<=\n)", text):
            print_styled(sys.stdout, [(part, {})])
            self._block += part
            if part.endswith("\n") and self._is_finished():
                self._show()

    def end(self) -> None:
        """Finish the last block, and end the line."""
        if not self._block.endswith("\n"):
            print_styled(sys.stdout, [("\n", {})])
            self._block += "\n"
        self._show()

    def _is_finished(self) -> bool:
        lines = self._block.split("\n")[:-1]
        fences = [line for line in lines if FENCE.match(line)]
        if fences:
            return len(fences) % 2 == 0
        return not lines[-1].strip()

    def _show(self) -> None:
        block, self._block = self._block, ""
        columns, lines = self._size()
        rows = rows_of(escaped(block), columns)
        if not MARKED.search(block) or rows >= lines:
            return
        ends = len(block) - len(block.rstrip("\n")) - 1  # blank lines below
        own = own_channel(sys.stdout)
        own.write(f"\x1b[{rows}A\r\x1b[J")
        _console(own, columns).print(_markdown(escaped(block.strip("\n"))))
        own.write("\n" * max(0, ends))
        own.flush()


def _console(stream: Any, columns: int) -> Any:
    from rich.console import Console

    return Console(
        file=stream,
        width=columns,
        highlight=False,
        force_terminal=True,
        no_color=not has_colours(sys.stdout),
    )


def _markdown(text: str) -> Any:
    from rich.markdown import Markdown

    # hyperlinks: a terminal would show the words and hide the address
    return Markdown(text, hyperlinks=False)


def rows_of(text: str, columns: int) -> int:
    r"""How many rows of a terminal a text takes that ends with a line end.

    A character that is two cells wide does not stand in the last column.

    >>> rows_of("one\ntwo\n", 80), rows_of("x" * 81 + "\n", 80), rows_of("看" * 3 + "\n", 5)
    (2, 2, 2)
    """
    from rich.cells import get_character_cell_size

    rows = 0
    for line in text.split("\n")[:-1]:
        rows, column = rows + 1, 0
        for character in line:
            cells = 8 - column % 8 if character == "\t" else get_character_cell_size(character)
            if column + cells > columns:
                if character == "\t":
                    column = columns
                    continue
                rows, column = rows + 1, 0
            column += cells
    return rows
