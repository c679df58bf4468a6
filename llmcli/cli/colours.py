"""Whether output is coloured: on a terminal, unless NO_COLOR or FORCE_COLOR says otherwise."""

import os
from typing import TextIO


def has_colours(stream: TextIO) -> bool:
    """True if colours and other styles may be written to a stream.

    NO_COLOR turns them off, FORCE_COLOR on, wherever the stream goes; an empty value counts as
    unset. Source: no-color.org, force-color.org.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()
