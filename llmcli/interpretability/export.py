"""Write an explanation to a file: its numbers as .json or .npz, a page, or a picture."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from llmcli.data.write_errors import write_errors_explained
from llmcli.interpretability.explain_page import explanation_page
from llmcli.interpretability.explanation import Explanation
from llmcli.interpretability.pictures.explanation_picture import explanation_picture
from llmcli.interpretability.write_page import page_html
from llmcli.models.starters import Note, ignore
from llmcli.spec.explain import Language


def write_explanation(
    explanation: Explanation, path: Path, language: Language = "en", note: Note = ignore
) -> None:
    """Write an explanation in the format that the file's name says, replacing the file.

    language: of a page or picture. note: receives a line about what a picture leaves out. Raises
    UsageError for another ending; InputError and DiskFull where the file cannot be written.
    """
    writer = WRITERS[path.suffix.lower()]
    with write_errors_explained(path):
        writer(explanation, path, language, note)


def _write_json(explanation: Explanation, path: Path, language: Language, note: Note) -> None:
    path.write_text(json.dumps(explanation.to_dict(), ensure_ascii=False, indent=1) + "\n", "utf-8")


def _write_npz(explanation: Explanation, path: Path, language: Language, note: Note) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **explanation.arrays())


def _write_html(explanation: Explanation, path: Path, language: Language, note: Note) -> None:
    path.write_text(page_html(explanation_page(explanation, language)), "utf-8")


def _write_picture(explanation: Explanation, path: Path, language: Language, note: Note) -> None:
    form: Literal["png", "svg"] = "png" if path.suffix.lower() == ".png" else "svg"
    path.write_bytes(explanation_picture(explanation, form, language, note))


Writer = Callable[[Explanation, Path, Language, Note], None]
WRITERS: dict[str, Writer] = {
    ".json": _write_json,
    ".npz": _write_npz,
    ".html": _write_html,
    ".png": _write_picture,
    ".svg": _write_picture,
}
"""By the ending of a file's name."""
