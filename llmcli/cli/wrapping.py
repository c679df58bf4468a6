"""Running text in lines that fit a terminal, where Chinese characters are two columns wide."""

import re

CLOSING = "，。、；：？！）】》”’…%"
OPENING = "（【《“‘"
WIDE = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef"
UNIT = re.compile(rf"\s+|' [^\s']+'|[{WIDE}]|[^\s{WIDE}]+")
"""A space, a token in quotation marks, a Chinese character or sign, a word of other letters."""


def cell_width(text: str) -> int:
    """The columns that a text takes in a terminal."""
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, unless a single word is wider.

    Lines break at spaces and between Chinese characters, but not before a closing sign, such as a
    comma, nor after an opening one.

    >>> wrapped("one two three", 8), wrapped("我明天去，看电影", 10)
    (['one two', 'three'], ['我明天去，', '看电影'])
    """
    lines, line = [], ""
    for part in _parts(text):
        if line and cell_width(line + part.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += part if line else part.lstrip()
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _parts(text: str) -> list[str]:
    """What must stay on one line: a word with the signs around it."""
    parts: list[str] = []
    for unit in UNIT.findall(text):
        sticks = parts and (unit[0] in CLOSING or parts[-1][-1] in OPENING)
        if sticks and not unit.isspace():
            parts[-1] += unit
        else:
            parts.append(unit)
    return parts


def padded(text: str, width: int, *, right: bool = False) -> str:
    """A text with spaces up to `width` columns. right: the spaces come first."""
    space = " " * (width - cell_width(text))
    return space + text if right else text + space


def shortened(text: str, width: int) -> str:
    """A text of at most `width` columns, with an ellipsis where something is left out.

    >>> shortened(" tomorrow", 6), shortened("电影院", 6)
    (' tomo…', '电影院')
    """
    if cell_width(text) <= width:
        return text
    while cell_width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"
