"""Texts of files and folders, each with its source: what `answer` looks for an answer in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmcli.data.documents import read_documents
from llmcli.data.formats import suffix_of
from llmcli.data.text_files import read_text
from llmcli.errors import InputError

TEXTS = (".txt", ".md")
"""The files of a folder that are read."""
ROWS = (".jsonl", ".csv", ".tsv", ".parquet")
"""The files whose rows are texts of their own, in the field `text`."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text, and where it is from."""

    source: str
    """The file, and in files with rows the place in it."""
    text: str


def is_collection(paths: Sequence[str]) -> bool:
    """True for a folder, a file with rows, or several files: for more than one text."""
    return len(paths) > 1 or any(Path(path).is_dir() or suffix_of(path) in ROWS for path in paths)


def read_collection(paths: Sequence[str]) -> Iterator[Text]:
    """The texts of files and folders in their order; of a folder its .txt and .md files, sorted.

    Raises InputError for a file that cannot be read, or a folder without such files.
    """
    for path in paths:
        if Path(path).is_dir():
            for name in _files_in(Path(path)):
                yield Text(name, read_text(name))
        elif suffix_of(path) in ROWS:
            for piece in read_documents(path):
                yield Text(piece.where, piece.text)
        else:
            yield Text(path, read_text(path))


def _files_in(folder: Path) -> list[str]:
    """The text files of a folder and of those in it, but for hidden ones."""
    found = [
        str(path)
        for path in sorted(folder.rglob("*"))
        if suffix_of(path.name) in TEXTS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise InputError(f"{folder} holds no {' or '.join(TEXTS)} file")
    return found
