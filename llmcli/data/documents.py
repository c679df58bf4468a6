"""Whole documents for training: a text file in pieces, or each row of another file."""

from collections.abc import Iterator
from dataclasses import dataclass

from llmcli.data.formats import input_format
from llmcli.data.lines import problem_of
from llmcli.data.readers import read_rows, require_fitting
from llmcli.data.readers.base import AS_WRITTEN
from llmcli.data.text_files import open_text
from llmcli.errors import InputError
from llmcli.spec import FileOptions

PIECE_CHARS = 1 << 20  # read at a time


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a document; `last` marks the document's end."""

    text: str
    last: bool
    where: str = ""
    """The file, and in files with rows the place in it."""


def read_documents(
    path: str, column: str = "text", files: FileOptions = AS_WRITTEN
) -> Iterator[Piece]:
    """Yield documents in pieces: a .txt file, or stdin, is one document; of others, each row.

    files: how the file is written. Raises InputError for the first row that cannot be used:
    training text must be complete.
    """
    if input_format(path, files.input_format) != "txt":
        for row in read_rows(path, column, files):
            if row.error is not None:
                raise InputError(f"{path}, {row.where}: {row.error}")
            yield Piece(row.text, last=True, where=f"{path}, {row.where}")
        return
    require_fitting("txt", files)
    with open_text(path, files.encoding) as file:
        ahead = "".join(file.readlines(PIECE_CHARS))
        while ahead:
            text, ahead = ahead, "".join(file.readlines(PIECE_CHARS))
            problem = problem_of(text)
            if problem is not None:
                raise InputError(
                    f"{path} cannot be read: {problem}; if it is in another encoding, "
                    "give `encoding`"
                )
            yield Piece(text, last=not ahead, where=path)
