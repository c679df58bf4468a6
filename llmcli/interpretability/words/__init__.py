"""What terminal and page say about a section, in each language: NAME.json beside this file."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from llmcli.spec.explain import Language


@cache
def words(name: str) -> Mapping[Language, Mapping[str, str]]:
    """The texts of a section by language and key; {name} in a text is a value that it is given."""
    texts: Mapping[Language, Mapping[str, str]] = json.loads(
        files(__name__).joinpath(f"{name}.json").read_text("utf-8")
    )
    return texts
