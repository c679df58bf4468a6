"""Fixtures: tiny models of many families, each made once a session, when a test asks for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interpretability.families import FAMILIES, WITHOUT_ATTENTION, WITHOUT_INTERFACE

ALL = {family.name: family for family in (*FAMILIES, *WITHOUT_INTERFACE, *WITHOUT_ATTENTION)}


@pytest.fixture(scope="session")
def family_folder(bpe: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny model: family_folder("gpt2")."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = ALL[name].make(bpe, tmp_path_factory.mktemp("families") / name)
        return made[name]

    return folder
