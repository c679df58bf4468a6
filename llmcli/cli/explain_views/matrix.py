"""A matrix of weights between tokens, as lines of text that fit a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmcli.cli.explain_views import WIDTH
from llmcli.cli.wrapping import cell_width, padded, shortened

if TYPE_CHECKING:
    from llmcli.arrays import Floats

BLOCKS = " ▁▂▃▄▅▆▇█"
LABEL = 14
"""Columns of a row's name, number included."""
CELL = 4
"""Columns of a cell that has a number: a block, and the weight in percent."""
GREATEST = 32
"""Columns at least for the greatest weights of a row."""
MOST_ROWS = 40
MARKS = {" ": "·", "\n": "⏎", "\t": "⇥", "\r": "␍"}


@dataclass(frozen=True)
class Matrix:
    """Weights (R, C) from 0 to 1 between tokens, with their names; NaN where nothing is shown.

    is_causal: a row sees no column after its own.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    weights: "Floats"
    is_causal: bool = False


@dataclass(frozen=True)
class Extent:
    """What of a matrix fits."""

    first: int
    """The first row that is shown: of many rows, the last MOST_ROWS are."""
    columns: int
    """How many columns are shown, from the first on."""
    has_numbers: bool
    """Whether cells have their number; else the greatest weights stand beside a row."""

    def is_cut(self, matrix: Matrix) -> bool:
        """Whether rows or columns are left out."""
        return self.first > 0 or self.columns < len(matrix.columns)


def extent(matrix: Matrix) -> Extent:
    """What of a matrix fits into WIDTH columns."""
    count, room = len(matrix.columns), WIDTH - LABEL - 1
    first = max(0, len(matrix.rows) - MOST_ROWS)
    has_numbers = CELL * count <= room
    return Extent(first, count if has_numbers else min(count, room - GREATEST - 2), has_numbers)


def matrix_lines(matrix: Matrix, greatest: str) -> Iterator[str]:
    """The matrix in at most WIDTH columns: with numbers if they fit, else as blocks.

    greatest: the heading of the two greatest weights of each row, which stand beside blocks.
    """
    margin, fits = " " * (LABEL + 1), extent(matrix)
    if list(matrix.rows) != list(matrix.columns):
        names = [f"{at} {visible(name)}" for at, name in enumerate(matrix.columns)]
        yield from (margin + line for line in side_by_side(names, WIDTH - len(margin)))
    if fits.has_numbers:
        yield margin + "".join(f"{at:>{CELL}}" for at in range(fits.columns))
    else:
        yield margin + "".join(str(at % 10) for at in range(fits.columns)) + f"  {greatest}"
    for row in range(fits.first, len(matrix.rows)):
        name = cut(f"{row:>2} {visible(matrix.rows[row])}", LABEL)
        cells = _numbers(matrix, row) if fits.has_numbers else _blocks(matrix, row, fits.columns)
        yield f"{name} {cells}".rstrip()


def _weights(matrix: Matrix, row: int) -> list[float]:
    """The weights of a row that its token sees; NaN elsewhere."""
    weights: list[float] = matrix.weights[row].tolist()
    unseen = range(row + 1, len(weights)) if matrix.is_causal else range(0)
    return [float("nan") if at in unseen else weight for at, weight in enumerate(weights)]


def _numbers(matrix: Matrix, row: int) -> str:
    return "".join(
        " " * CELL if weight != weight else f"{block(weight)}{100 * weight:>{CELL - 1}.0f}"
        for weight in _weights(matrix, row)
    )


def _blocks(matrix: Matrix, row: int, shown: int) -> str:
    """The blocks of a row, and the two tokens with its greatest weights."""
    weights = [0.0 if weight != weight else weight for weight in _weights(matrix, row)]
    order = sorted(range(len(weights)), key=lambda at: -weights[at])[:2]
    room = (WIDTH - LABEL - 1 - shown - 2) // 2
    names = [f"{weights[at]:.2f} {at} {visible(matrix.columns[at])}" for at in order]
    said = "".join(cut(name, room - 1) + " " for name in names)
    return "".join(map(block, weights[:shown])) + "  " + said


def block(weight: float) -> str:
    """A block whose height shows a weight from 0 to 1.

    >>> block(0.0), block(0.5), block(1.0)
    (' ', '▄', '█')
    """
    return BLOCKS[round(min(1.0, max(0.0, weight)) * (len(BLOCKS) - 1))]


def visible(name: str) -> str:
    """A token's name with its spaces and line breaks made visible.

    >>> visible(" cat")
    '·cat'
    """
    return "".join(MARKS.get(char, char) for char in name)


def cut(text: str, width: int) -> str:
    """A text in exactly `width` columns: padded, or cut with an ellipsis.

    >>> cut("cat", 5), cut("我明天要去", 6)
    ('cat  ', '我明… ')
    """
    return padded(shortened(text, width), width)


def side_by_side(texts: Sequence[str], width: int) -> Iterator[str]:
    """Short texts in lines of at most `width` columns, two spaces between them.

    >>> list(side_by_side(["0 one", "1 two", "2 三"], 12))
    ['0 one  1 two', '2 三']
    """
    line = ""
    for text in texts:
        longer = f"{line}  {text}" if line else text
        if line and cell_width(longer) > width:
            yield line
            longer = text
        line = longer
    if line:
        yield line
