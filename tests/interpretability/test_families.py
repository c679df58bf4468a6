"""The tiny models of the other tests: all can be loaded and read the common text."""

from collections.abc import Callable
from pathlib import Path

import pytest

from llmcli.engines.pytorch.loading import load
from llmcli.spec import ModelSpec
from tests.interpretability.families import (
    FAMILIES,
    TEXT,
    WITHOUT_ATTENTION,
    WITHOUT_INTERFACE,
    Family,
)


@pytest.mark.parametrize(
    "family", [*FAMILIES, *WITHOUT_INTERFACE, *WITHOUT_ATTENTION], ids=lambda family: family.name
)
def test_a_family_is_loaded_and_reads_the_text(
    family: Family, family_folder: Callable[[str], Path]
) -> None:
    loaded = load(ModelSpec(str(family_folder(family.name))), (family.kind,))
    ids = loaded.tokenizer(TEXT).input_ids
    assert len(ids) > 8
    assert loaded.tokenizer.unk_token_id not in ids
