"""Languages by code or by name, and which of a model's codes means one."""

from collections.abc import Iterable

import langcodes

from llmcli.errors import UsageError

UNSPACED = ("zh", "ja", "yue", "wuu", "lzh")  # written without spaces between sentences
SHORTEST_NAME = 4  # of the Latin alphabet: shorter ones are wrong codes more often than names
FARTHEST = 10  # as langcodes counts: closer than a language that only shares the script


def find_language(told: str) -> str:
    """The tag of a language that a user named: `fr`, `fra`, `French`, `法语`, `pt-BR`.

    Raises UsageError for a language that there is not.

    >>> find_language("French"), find_language("fra"), find_language("zh_Hans")
    ('fr', 'fr', 'zh-Hans')
    """
    unknown = UsageError(f"no language {told!r} is known: use a code (en, fr, zh) or a name")
    if langcodes.tag_is_valid(told) and told.lower() not in ("root", "und"):
        return langcodes.Language.get(told).to_tag()
    if told.isascii() and len(told) < SHORTEST_NAME:
        raise unknown
    try:
        known = langcodes.find(told)
    except LookupError:
        raise unknown from None
    if known.language == "und":
        raise unknown
    return "zh" if known.language == "cmn" else known.to_tag()


def base(tag: str) -> str:
    """The language of a tag alone, in two letters where it has such a code.

    >>> base("zh-Hant-TW"), base("eng"), base("cmn")
    ('zh', 'en', 'zh')
    """
    return langcodes.Language.get(tag).prefer_macrolanguage().language or tag


def closest(tag: str, codes: Iterable[str]) -> str | None:
    """Which of a model's codes means a language best; None where none does.

    >>> closest("zh", ["eng_Latn", "zho_Hans", "zho_Hant"])
    'zho_Hans'
    >>> closest("de", ["en_XX", "fr_XX"]) is None
    True
    """
    same = [code for code in codes if base(code) == base(tag)]
    if same:
        return min(same, key=lambda code: langcodes.tag_distance(tag, code))
    found, distance = langcodes.closest_match(tag, list(codes), max_distance=FARTHEST)
    return None if found == "und" or distance > FARTHEST else found


def english_name(tag: str) -> str:
    """What a language is called in English.

    >>> english_name("fr")
    'French'
    """
    return langcodes.Language.get(tag).language_name("en")


def is_unspaced(tag: str | None) -> bool:
    """True where sentences follow one another without a space."""
    return tag is not None and base(tag) in UNSPACED
