"""What terminal and page say about a section, in each language: NAME.json beside this file."""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from llmcli.spec.explain import LANGUAGES, Language


@cache
def words(name: str) -> Mapping[Language, Mapping[str, str]]:
    """The texts of a section by language and key; {name} in a text is a value that it is given."""
    texts: Mapping[Language, Mapping[str, str]] = json.loads(
        files(__name__).joinpath(f"{name}.json").read_text("utf-8")
    )
    return texts


def has_words(name: str) -> bool:
    """True if there is a file NAME.json."""
    return files(__name__).joinpath(f"{name}.json").is_file()


def in_all_languages(name: str, text: str) -> dict[str, str]:
    """A line that a section wrote in English, in each language that its words have it in.

    The words are searched for the text that became this line; a line that is not among them is
    itself in each language. name: of the section.

    >>> in_all_languages("explain", "Position 3: cat")["zh"]
    '位置 3：cat'
    """
    for key, template in words(name)["en"].items():
        match = re.fullmatch(_pattern(template), text, re.DOTALL)
        if match is not None:
            return {
                language: texts[key].format(**match.groupdict())
                for language, texts in words(name).items()
            }
    return dict.fromkeys(LANGUAGES, text)


def _pattern(template: str) -> str:
    """A regular expression of a text with its values; a value that comes twice is the same."""
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        name = match[1]
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>.+)"

    return re.sub(r"\\{(\w+)\\}", group, re.escape(template))
