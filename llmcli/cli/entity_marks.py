"""Texts with their entities marked: in colour on a terminal, and as a page of HTML."""

import html
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from llmcli.cli.colours import PLAIN, Stretch
from llmcli.data.records import ERROR, Record
from llmcli.data.write_errors import write_errors_explained
from llmcli.errors import InputError
from llmcli.system import own_files

COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")
HUES = (190, 45, 120, 300, 225, 0)
"""The same colours in degrees, for HTML."""

_HEAD = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<title>Entities</title>
<style>
body { font-family: sans-serif; line-height: 2; max-width: 50em; margin: 2em auto }
p { white-space: pre-wrap; overflow-wrap: anywhere }
mark { border-radius: 0.3em; padding: 0.15em 0.3em }
mark b { font-size: 0.7em; margin-left: 0.4em }
.error { color: #a00 }
</style>
</head>
<body>
"""


def coloured(text: str, entities: Sequence[Any]) -> Iterator[Stretch]:
    """A text for a terminal: each entity coloured, its label behind it."""
    for part, label, _ in _parts(text, [(e.start, e.end, e.label, e.score) for e in entities]):
        if label is None:
            yield part, PLAIN
        else:
            yield f"{part} ", {"fg": COLOURS[_place(label)], "bold": True}
            yield label, {"fg": COLOURS[_place(label)], "dim": True}


class HtmlPage:
    """A page with a paragraph a text, written while results come."""

    def __init__(self, path: str) -> None:
        """Raises InputError where the file cannot be written."""
        self._path = Path(os.path.realpath(path))  # so that a link stays one
        if own_files.exists(self._path) and not self._path.is_file():
            raise InputError(f"cannot write {path}: it is not a regular file")
        self._part = own_files.name_aside(self._path, os.urandom(4).hex())
        with write_errors_explained(Path(path)):
            file = own_files.create(self._part, own_files.mode_for(self._path) | 0o600)
        self._file = io.TextIOWrapper(file, encoding="utf-8")
        self._file.write(_HEAD)

    def add(self, record: Record) -> None:
        """Add the record of a text, or of a row that failed."""
        if ERROR in record:
            line = f'<p class="error">row {record["row"]}: {html.escape(record[ERROR])}</p>'
        else:
            entities = [(e["start"], e["end"], e["label"], e["score"]) for e in record["entities"]]
            parts = _parts(record["text"], entities)
            line = f"<p>{''.join(_marked(*part) for part in parts)}</p>"
        self._file.write(f"{line}\n")

    def close(self) -> None:
        """Finish the page and give it its name."""
        with write_errors_explained(self._path):
            self._file.write("</body>\n</html>\n")
            self._file.flush()
            own_files.settle(self._file.buffer, self._path)
            self._file.close()
            self._part.replace(self._path)

    def discard(self) -> None:
        """Remove an unfinished page."""
        with suppress(OSError):
            self._file.close()
        own_files.remove(self._part)


def _marked(part: str, label: str | None, score: float) -> str:
    if label is None:
        return html.escape(part)
    colour = f"hsl({HUES[_place(label)]} 80% 85%)"
    return (
        f'<mark style="background: {colour}" title="{score:.4f}">{html.escape(part)}'
        f"<b>{html.escape(label)}</b></mark>"
    )


def _parts(
    text: str, entities: Sequence[tuple[int, int, str, float]]
) -> Iterator[tuple[str, str | None, float]]:
    """The text in parts, each with its label and score; the label is None between entities."""
    done = 0
    for start, end, label, score in sorted(entities):
        if start < done:  # inside another entity
            continue
        if start > done:
            yield text[done:start], None, 0.0
        yield text[start:end], label, score
        done = end
    if done < len(text):
        yield text[done:], None, 0.0


def _place(label: str) -> int:
    """A label's colour, the same in every run; a tag and its type have the same one."""
    return zlib.crc32(label.split("-")[-1].encode()) % len(COLOURS)
