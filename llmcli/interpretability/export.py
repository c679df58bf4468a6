"""Write an explanation to a file: its numbers as .json or .npz, a page, or a picture."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from llmcli.data.write_errors import write_errors_explained
from llmcli.interpretability.explain_page import explanation_page
from llmcli.interpretability.explanation import Explanation
from llmcli.interpretability.write_page import page_html
from llmcli.spec.explain import Language


def write_explanation(explanation: Explanation, path: Path, language: Language = "en") -> None:
    """Write an explanation in the format that the file's name says, replacing the file.

    language: of a page or picture. Raises UsageError for another ending; InputError and DiskFull
    where the file cannot be written.
    """
    writer = WRITERS[path.suffix.lower()]
    with write_errors_explained(path):
        writer(explanation, path, language)


def _write_json(explanation: Explanation, path: Path, language: Language) -> None:
    path.write_text(json.dumps(explanation.to_dict(), ensure_ascii=False, indent=1) + "\n", "utf-8")


def _write_npz(explanation: Explanation, path: Path, language: Language) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **explanation.arrays())


def _write_html(explanation: Explanation, path: Path, language: Language) -> None:
    path.write_text(page_html(explanation_page(explanation, language)), "utf-8")


Writer = Callable[[Explanation, Path, Language], None]
WRITERS: dict[str, Writer] = {".json": _write_json, ".npz": _write_npz, ".html": _write_html}
"""By the ending of a file's name."""
