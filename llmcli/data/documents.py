"""Whole documents for training: a text file in pieces, or each row of another file."""

from collections.abc import Iterator
from dataclasses import dataclass

from llmcli.data.formats import input_format
from llmcli.data.readers import read_rows
from llmcli.data.text_files import open_text, require_unicode
from llmcli.errors import InputError

PIECE_CHARS = 1 << 20  # read at a time


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a document; `last` marks the document's end."""

    text: str
    last: bool
    where: str = ""
    """The file, and in files with rows the place in it."""


def read_documents(path: str, column: str = "text") -> Iterator[Piece]:
    """Yield documents in pieces: a .txt file, or stdin, is one document; of others, each row.

    Raises InputError for the first row that cannot be used: training text must be complete.
    """
    if input_format(path) != "txt":
        for row in read_rows(path, column):
            if row.error is not None:
                raise InputError(f"{path}, {row.where}: {row.error}")
            yield Piece(row.text, last=True, where=f"{path}, {row.where}")
        return
    with open_text(path) as file:
        ahead = "".join(file.readlines(PIECE_CHARS))
        while ahead:
            text, ahead = ahead, "".join(file.readlines(PIECE_CHARS))
            yield Piece(require_unicode(text, path), last=not ahead, where=path)
