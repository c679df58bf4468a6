"""Tables of plain characters, for a terminal or a file, and values as they stand in them."""

import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

MOST_COLUMNS = 80  # of a cell
MOST_ITEMS = 3  # of a list in a cell
TINY = 0.0005  # a smaller probability would be rounded to 0


def plain_table(names: Sequence[str], rows: Sequence[Sequence[str]], right: set[int]) -> str:
    """A table: the names, a line, the rows. right: numbers of the right-aligned columns."""
    cells = [list(names), *map(list, rows)]
    widths = [max(display_width(row[at]) for row in cells) for at in range(len(names))]
    lines = [
        "  ".join(_padded(row[at], widths[at], right=at in right) for at in range(len(names)))
        for row in cells
    ]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([lines[0].rstrip(), rule, *(line.rstrip() for line in lines[1:])])


def _padded(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - display_width(cell))
    return space + cell if right else cell + space


def display_width(text: str) -> int:
    """Columns that a text takes in a terminal: Chinese characters take two."""
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def shortened(text: str, most: int) -> str:
    """A text in one line of at most `most` columns.

    >>> shortened("one two three four", 12)
    'one two ...'
    """
    line = " ".join(text.split())
    if display_width(line) <= most:
        return line
    cut = textwrap.shorten(line, most, placeholder=" ...")
    return cut if cut != "..." and display_width(cut) <= most else line[: (most - 3) // 2] + "..."


def shown_cell(value: Any) -> str:
    """A value as a cell of a table: numbers rounded, a text or a list cut to one short line.

    >>> shown_cell(0.904288), shown_cell(3), shown_cell(None), shown_cell([0.12345, 2] * 9)
    ('0.9043', '3', '', '[0.1235, 2, 0.1235, ... 18 in all]')
    """
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        cells = [shown_cell(item) for item in value[:MOST_ITEMS]]
        more = f", ... {len(value)} in all" if len(value) > MOST_ITEMS else ""
        return shortened(f"[{', '.join(cells)}{more}]", MOST_COLUMNS)
    if isinstance(value, dict):
        parts = [f"{name}: {shown_cell(item)}" for name, item in value.items()]
        return shortened(f"{{{', '.join(parts)}}}", MOST_COLUMNS)
    return "" if value is None else shortened(str(value), MOST_COLUMNS)


def number(value: float | None) -> str:
    """A value with four significant digits; a dash for None and NaN.

    >>> number(0.81234), number(5.8301), number(60.724), number(12345.6)
    ('0.8123', '5.830', '60.72', '12,346')
    """
    if value is None or value != value:
        return "-"
    size = abs(value)
    digits = 4 if size < 1 else 3 if size < 10 else 2 if size < 1000 else 0
    return f"{value:,.{digits}f}"


def probability(value: float, digits: int = 4) -> str:
    """A probability, or another score, with some decimals; a tiny one in scientific notation.

    >>> probability(0.81236), probability(0.0005, 3), probability(0.000123), probability(0.0)
    ('0.8124', '0.001', '1.2e-04', '0.0000')
    """
    return f"{value:.1e}" if 0 < abs(value) < TINY else f"{value:.{digits}f}"


def signed(value: float | None) -> str:
    """As `number`, with a plus sign before what is not negative."""
    return "-" if value is None or value != value else ("+" * (value >= 0)) + number(value)
