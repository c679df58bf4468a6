"""Texts in lines that fit a terminal, Chinese ones included."""

import re
from collections.abc import Iterator

from llmcli.cli.plain_tables import display_width

WIDTH = 80
WORD = re.compile(
    r"[\u2e80-\u9fff\uff00-\uffef][，。：；、！？）”]*|[^\u2e80-\u9fff\uff00-\uffef\s]+\s*|\s+"
)
"""What stays in one line: a word, or a Chinese character with the punctuation behind it."""


def wrapped(text: str, width: int = WIDTH) -> Iterator[str]:
    """A text in lines of at most `width` columns, broken at spaces and beside Chinese characters.

    >>> list(wrapped("one two 三四五。", 9)), list(wrapped("一二三。", 6))
    (['one two', '三四五。'], ['一二', '三。'])
    """
    line = ""
    for match in WORD.finditer(text):
        if line and display_width(line + match[0].rstrip()) > width:
            yield line.rstrip()
            line = ""
        line += match[0] if line else match[0].lstrip()
    if line.strip():
        yield line.rstrip()


def cut(text: str, width: int) -> str:
    """A text in at most `width` columns, with an ellipsis where it is cut.

    >>> cut("cat", 5), cut("我明天要去", 6)
    ('cat', '我明…')
    """
    if display_width(text) <= width:
        return text
    while display_width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"
