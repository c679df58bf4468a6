"""Plain text of help and docstrings as Markdown."""

import re

FLAG = re.compile(r"(?<![\w`-])(--?[a-zA-Z][a-z-]*)(?![\w-])")


def marked_up(text: str) -> str:
    """Escape what Markdown would take for markup; leave code in backticks, set flags as code.

    >>> marked_up("With --json: a [MASK] of `a_b`")
    'With `--json`: a \\\\[MASK\\\\] of `a_b`'
    """
    parts = " ".join(text.split()).split("`")
    for number in range(0, len(parts), 2):  # outside backticks
        escaped = re.sub(r"([\\*_\[\]<|{}])", r"\\\1", parts[number])
        parts[number] = FLAG.sub(r"`\1`", escaped)
    return "`".join(parts).replace("``", "` `")
