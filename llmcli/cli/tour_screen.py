"""The steps of `learn` on a terminal or a pipe, in at most 80 columns."""

import shutil
import sys
from collections.abc import Sequence

from llmcli.cli.colours import PLAIN, Style
from llmcli.cli.output import Output
from llmcli.cli.tables import show_table
from llmcli.cli.wrapping import cell_width, padded, shortened, wrapped
from llmcli.interpretability.tour.blocks import (
    Bars,
    Block,
    Formula,
    Matrix,
    Table,
    Text,
    percent,
    quoted,
)
from llmcli.interpretability.tour.formulas import FORMULAS
from llmcli.interpretability.tour.step import TourStep
from llmcli.interpretability.tour.wording import Wording
from llmcli.spec.explain import Language

WIDTH = 80
INDENT = {"text": "", "quote": "    ", "warning": "! ", "item": "- "}
BAR = 30  # columns of a bar for 1
LABEL = 16  # columns of the name of a matrix's row
CELL = 4  # columns of a weight
TITLE: Style = {"bold": True}
QUESTION: Style = {"fg": "bright_blue", "bold": True}
COMMAND: Style = {"fg": "cyan"}
WARNING: Style = {"fg": "yellow", "bold": True}


class Screen:
    """Shows steps in one language."""

    def __init__(self, out: Output, language: Language) -> None:
        self.out, self.wording = out, Wording(language)
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDTH
        self._width = max(20, min(WIDTH, columns))
        self._has_gap = True  # the line above is empty

    def welcome(self, model_id: str) -> None:
        """Write the title and what the tour is."""
        self._line(self.wording.of("title"), TITLE)
        self._text(self.wording.of("intro", model=model_id))

    def question(self, step: TourStep) -> None:
        """Write the first half of a step: what is explained, and the question."""
        title = self.wording.title(step)
        self._gap()
        self._line(title, TITLE)
        self._line("─" * min(self._width, cell_width(title)))
        self._blocks(step.before, step)
        asked = self.wording.fill(step.question.text, step.values)
        self._text(self.wording.of("guess", question=asked), style=QUESTION)

    def answer(self, step: TourStep) -> None:
        """Write the second half: the answer, what shows it, the checks and the commands."""
        self._text(self.wording.fill(step.question.answer, step.values), style=TITLE)
        self._blocks(step.after, step)
        self._gap()
        for check in step.checks:
            line = self.wording.check(check)
            for part in wrapped(line, self._width):
                self._line(part, PLAIN if check.holds else WARNING)
        self._line(self.wording.of("try"))
        for command in step.commands:
            for part in command_lines(command, self._width):
                self._line(part, COMMAND)

    def verdict(self, guess: str, step: TourStep) -> None:
        """Write whether a guess is right; where that is not judged, what it was."""
        key = "right" if self.wording.is_right(guess, step) else "guessed"
        self._line(self.wording.of(key, guess=guess))

    def prompt(self, key: str, **values: object) -> str:
        """A prompt, which stands below an empty line."""
        self._gap()
        self._has_gap = False
        return self.wording.of(key, **values)

    def say(self, key: str, **values: object) -> None:
        """Write a line of the tour as a whole."""
        self._line(self.wording.of(key, **values))

    def _blocks(self, blocks: Sequence[Block], step: TourStep) -> None:
        before = ""
        for block in blocks:
            if isinstance(block, Text):
                is_next = block.kind == before == "item"
                text = self.wording.fill(block, step.values)
                self._text(text, block.kind, close=is_next)
            elif isinstance(block, Formula):
                self._gap()
                for line in FORMULAS[block.name].plain:
                    self._line(f"    {line}")
            elif isinstance(block, Table):
                self._table(block, step)
            elif isinstance(block, Bars):
                self._bars(block, step)
            else:
                self._matrix(block, step)
            before = block.kind

    def _line(self, text: str, style: Style = PLAIN) -> None:
        self.out.styled([(text, style), ("\n", PLAIN)])
        self._has_gap = False

    def _gap(self) -> None:
        """Write an empty line, unless there is one."""
        if not self._has_gap:
            self.out.line()
        self._has_gap = True

    def _text(
        self, text: str, kind: str = "text", *, close: bool = False, style: Style = PLAIN
    ) -> None:
        """Write a paragraph. close: without an empty line before it."""
        if not close:
            self._gap()
        indent = INDENT[kind]
        for number, line in enumerate(wrapped(text, self._width - len(indent))):
            start = indent if number == 0 else " " * len(indent)
            self._line(f"{start}{line}", WARNING if kind == "warning" else style)

    def _table(self, table: Table, step: TourStep) -> None:
        names = [self.wording.fill(column, step.values) for column in table.columns]
        show_table(names, [list(row) for row in table.rows], right=frozenset(names[table.left :]))
        self._has_gap = True  # below the table

    def _bars(self, bars: Bars, step: TourStep) -> None:
        self._text(self.wording.fill(bars.title, step.values))
        width = max(cell_width(label) for label, _ in bars.rows)
        for label, share in bars.rows:
            bar = "█" * round(BAR * max(0.0, share))
            self._line(f"    {padded(label, width)}  {percent(share):>6}  {bar}".rstrip())

    def _matrix(self, matrix: Matrix, step: TourStep) -> None:
        """Weights in percent, the columns by number; a dot where the mask hides a token."""
        self._text(self.wording.fill(matrix.title, step.values))
        columns = matrix.columns[: (self._width - LABEL) // CELL]
        is_square = matrix.columns == matrix.rows
        if not is_square:
            names = "  ".join(f"{at} {quoted(name)}" for at, name in enumerate(columns))
            self._text(names, "quote", close=True)
        self._line(" " * LABEL + "".join(f"{at:>{CELL}}" for at in range(len(columns))))
        for at, (name, weights) in enumerate(zip(matrix.rows, matrix.weights, strict=True)):
            label = f"{at} {quoted(name)}" if is_square else quoted(name)
            cells = "".join(f"{_cell(weight):>{CELL}}" for weight in weights[: len(columns)])
            self._line(f"{padded(shortened(label, LABEL - 1), LABEL)}{cells}")


def command_lines(command: str, width: int) -> list[str]:
    r"""A command; where it is too wide, continued on a second line, as a shell reads it.

    >>> command_lines('llmcli explain "One, two." --section layers', 34)
    ['    llmcli explain "One, two." \\', '        --section layers']
    """
    first, sign, rest = command.rpartition('" -')
    if cell_width(command) + 4 <= width or not sign:
        return [f"    {command}"]
    return [f'    {first}" \\', f"        -{rest}"]


def _cell(weight: float | None) -> str:
    return "·" if weight is None else str(round(100 * weight))
