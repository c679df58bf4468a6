"""Whether output is coloured, and how: on terminals, unless NO_COLOR or FORCE_COLOR says otherwise.

Text and styles stay apart until they are written, so that a label cannot bring a style of its own.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import click

from llmcli.data.records import print_to
from llmcli.system.terminal import Terminal, escaped, own_channel

Style = Mapping[str, Any]
"""Arguments of click.style, such as `{"fg": "red"}`; none for plain text."""
Stretch = tuple[str, Style]
"""A stretch of text and its style."""
PLAIN: Style = {}


def has_colours(stream: TextIO) -> bool:
    """True if colours and other styles may be written to a stream.

    NO_COLOR turns them off, FORCE_COLOR on, wherever the stream goes; an empty value counts as
    unset. Source: no-color.org, force-color.org.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def print_styled(stream: TextIO, parts: Iterable[Stretch]) -> None:
    """Write text in parts, each in its style where the stream has colours. Raises InputError."""
    shows_styles, is_terminal = has_colours(stream), isinstance(stream, Terminal)
    written = []
    for text, style in parts:
        shown = escaped(text) if is_terminal else text
        written.append(click.style(shown, **style) if style and shows_styles else shown)
    print_to(own_channel(stream), "".join(written))
