"""Write an explanation to a file: its numbers as .json or .npz, a page, or a picture."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import NDArray

from llmcli.data.write_errors import whole_file
from llmcli.interpretability.explain_page import explanation_page
from llmcli.interpretability.explanation import Explanation
from llmcli.interpretability.pictures.explanation_picture import explanation_picture
from llmcli.interpretability.write_page import page_html
from llmcli.models.starters import Note, ignore
from llmcli.spec.explain import Language


def write_explanation(
    explanation: Explanation, path: Path, language: Language = "en", note: Note = ignore
) -> None:
    """Write an explanation in the format that the file's name says, complete or not at all.

    language: of a page or picture. note: receives a line about what these leave out. Raises
    InputError and DiskFull where the file cannot be written.
    """
    write = CONTENTS[path.suffix.lower()](explanation, language, note)
    with whole_file(path) as file:
        write(file)


Write = Callable[[IO[bytes]], object]
"""Writes what was made of an explanation."""


def _json(explanation: Explanation, language: Language, note: Note) -> Write:
    text = json.dumps(explanation.to_dict(), ensure_ascii=False, indent=1) + "\n"
    return lambda file: file.write(text.encode())


def _npz(explanation: Explanation, language: Language, note: Note) -> Write:
    return partial(_write_npz, explanation)


def _write_npz(explanation: Explanation, file: IO[bytes]) -> None:
    """Write all arrays, and those of layers that are not kept as the model computes them again."""
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:

        def write(name: str, array: NDArray[Any]) -> None:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)

        for name, array in explanation.arrays().items():
            write(name, array)
        for name, result in explanation.sections.items():
            write_rest = getattr(result, "write_rest", None)
            if write_rest is not None:
                write_rest(lambda part, array, name=name: write(f"{name}/{part}", array))


def _html(explanation: Explanation, language: Language, note: Note) -> Write:
    page = explanation_page(explanation, language)
    text = page_html(page)
    for section in page.sections:
        for line in (section.data or {}).get("left_out", ()):
            note(line)
    return lambda file: file.write(text.encode())


def _png(explanation: Explanation, language: Language, note: Note) -> Write:
    picture = explanation_picture(explanation, "png", language, note)
    return lambda file: file.write(picture)


def _svg(explanation: Explanation, language: Language, note: Note) -> Write:
    picture = explanation_picture(explanation, "svg", language, note)
    return lambda file: file.write(picture)


CONTENTS: dict[str, Callable[[Explanation, Language, Note], Write]] = {
    ".json": _json,
    ".npz": _npz,
    ".html": _html,
    ".png": _png,
    ".svg": _svg,
}
"""By the ending of a file's name."""
