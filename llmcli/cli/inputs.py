"""Rows of text from the command line, a file or a pipe."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import click

from llmcli.data.readers import read_rows
from llmcli.data.rows import Row
from llmcli.data.text_files import is_unicode, read_text
from llmcli.errors import InputError
from llmcli.spec import InputOptions


def rows_of(source: InputOptions, pair: str | None = None) -> Iterator[Row]:
    """The texts that were given, one after another.

    Each argument on the command line is a text; without arguments and --input, all of stdin is one
    text. pair: a second text, which goes with each of them.
    Raises click.UsageError if there is no text, InputError for one that is not UTF-8.
    """
    if source.texts and source.input is not None:
        raise click.UsageError("give TEXT or --input FILE, not both")
    if source.input is not None:
        rows = read_rows(source.input, source.columns, source)
        rows = islice(rows, source.limit)
        return rows if pair is None else (replace(row, pair=pair) for row in rows)
    texts = _texts(source)[: source.limit]
    if pair is not None:
        _require_unicode(pair)
    return iter([Row(number, text, pair=pair) for number, text in enumerate(texts, 1)])


def only_text(source: InputOptions) -> str:
    """The one text that --show-code is for. Raises click.UsageError if there are several."""
    if source.input is not None or len(source.texts) > 1:
        raise click.UsageError("--show-code is for one TEXT")
    return _texts(source)[0]


def _texts(source: InputOptions) -> list[str]:
    texts = [piped_text(source.encoding) if text == "-" else text for text in source.texts] or [
        _piped(source.encoding)
    ]
    for text in texts:
        _require_unicode(text)
    return texts


def _piped(encoding: str | None) -> str:
    if is_terminal():
        raise click.UsageError("no text: give TEXT, --input FILE, or pipe text in")
    return piped_text(encoding)


def is_terminal() -> bool:
    """True if stdin is a terminal: reading it would wait for a person to type."""
    return sys.stdin is None or sys.stdin.isatty()


def piped_text(encoding: str | None = None) -> str:
    """All of stdin as one text. Raises InputError if it is closed or in another encoding."""
    if sys.stdin is None:
        raise InputError("stdin is closed: give TEXT or --input FILE")
    return read_text("-", encoding).removesuffix("\n").removesuffix("\r")


def _require_unicode(text: str) -> None:
    if not is_unicode(text):
        raise InputError("a TEXT on the command line is not valid UTF-8")
