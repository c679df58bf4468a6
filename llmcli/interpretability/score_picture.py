"""A picture of one scored text: its pieces on the colours of their surprisal, line by line."""

from typing import Any
from unicodedata import east_asian_width

from llmcli.engines.base import Loaded
from llmcli.inference.scoring.reports import NATS_OF
from llmcli.inference.scoring.results import Piece, Score
from llmcli.interpretability.pictures.figure import Note, Picture, picture_bytes
from llmcli.interpretability.pictures.style import GREY, diverging
from llmcli.system.extras import load_extra
from llmcli.system.terminal import escaped

COLUMNS = 84  # of the text; a Chinese character takes two
LINE = 0.42  # inches of a line with the values below it
MOST_LINES = 200
FULL = {False: 8.0, True: 4.0}
"""Nats at which the colour is full: of surprisals, and of differences."""
DEEPEST = 0.3  # of the half of the colour map: black text stays readable on it
Place = tuple[int, int, str, float | None]
"""Line and column of a part of a piece, the part, the piece's value."""


class ScorePicture:
    """Draws one result."""

    def __init__(self, loaded: Loaded, beside: Loaded | None) -> None:
        self._names = [each.checkpoint.model_id for each in (loaded, beside) if each is not None]
        self._result: Score | None = None

    def add(self, result: Score) -> None:
        """Take the result that is drawn."""
        self._result = result

    def png(self, note: Note) -> bytes:
        """The picture as a PNG file.

        note: receives a line about what is left out, and about characters that no font has. Raises
        InputError if matplotlib is not installed.
        """
        assert self._result is not None
        result, is_beside = self._result, self._result.beside is not None
        pieces = result.difference_pieces() if is_beside else result.pieces()
        places = laid_out(pieces)
        shown = [place for place in places if place[0] < MOST_LINES]
        if len(shown) < len(places):
            note(f"the picture has the first {MOST_LINES} lines of the text: `html` has more")
        lines = shown[-1][0] + 1
        title = f"{' − '.join(self._names)}: {_sum(result)}"

        def draw(figure: Any) -> None:
            _draw(figure, shown, lines, NATS_OF[result.unit], changes=is_beside)

        return picture_bytes([Picture(title, LINE * lines + 0.2, draw)], "png", note)


def laid_out(pieces: list[Piece]) -> list[Place]:
    """The pieces in lines of COLUMNS columns; a line break of the text begins a line.

    >>> laid_out([("A", 1.0), (" cat", 2.5), ("\\n", 0.5), ("看", None)])
    [(0, 0, 'A', 1.0), (0, 5, ' cat', 2.5), (0, 10, '⏎', 0.5), (1, 0, '看', None)]
    """
    places: list[Place] = []
    line = column = 0
    for piece, value in pieces:
        name = escaped(piece.replace("\n", "⏎").replace("\t", "⇥").replace("\r", "␍"))
        name = name if name.strip() else name.replace(" ", "·")
        width = _width(name)
        if column and column + width > COLUMNS:
            line, column = line + 1, 0
        places.append((line, column, name, value))
        column += width
        if "\n" in piece:
            line, column = line + 1, 0
    return places


def _width(name: str) -> int:
    """Columns of a piece: the value below it needs four; one is between two pieces."""
    wide = sum(1 + (east_asian_width(character) in "WF") for character in name)
    return max(wide, 4) + 1


def _draw(figure: Any, places: list[Place], lines: int, unit: float, *, changes: bool) -> None:
    patches = load_extra("matplotlib.patches", "a picture")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(0, COLUMNS)
    axes.set_ylim(lines, 0)
    colours = diverging()
    for line, column, name, value in places:
        width = min(_width(name) - 1, COLUMNS - column)
        if value is not None:
            share = value * unit / FULL[changes]
            shade = colours(0.5 + DEEPEST * max(-1, min(1, share)))
            box = patches.Rectangle((column, line + 0.08), width, 0.5, color=shade, linewidth=0)
            axes.add_patch(box)
        middle = column + width / 2
        axes.text(middle, line + 0.34, name, ha="center", va="center", fontsize=8)
        shown = "–" if value is None else f"{value:+.2f}" if changes else f"{value:.2f}"
        axes.text(middle, line + 0.78, shown, ha="center", va="center", fontsize=6, color=GREY)


def _sum(result: Score) -> str:
    if result.beside is not None:
        return f"{result.beside.difference:+.2f} {result.unit} in all"
    return f"{result.surprisal:.2f} {result.unit}, {result.mean_surprisal:.2f} a token"
