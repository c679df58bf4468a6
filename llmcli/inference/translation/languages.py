"""Finds languages by code or name, and the code that a model has for a language."""

from collections.abc import Iterable

import langcodes

from llmcli.errors import UsageError

UNSPACED = ("zh", "ja", "yue", "wuu", "lzh")  # written without spaces between sentences
MIN_NAME_LENGTH = 4  # a shorter ASCII string is more likely a mistyped code than a name
MAX_DISTANCE = 10  # in langcodes' measure; languages that share only the script are farther apart


def find_language(name: str) -> str:
    """The BCP 47 tag of a language, given as a code or a name.

    name: such as `fr`, `fra`, `French`, `法语`, `pt-BR`.
    Raises UsageError for an unknown language.

    >>> find_language("French"), find_language("fra"), find_language("zh_Hans")
    ('fr', 'fr', 'zh-Hans')
    """
    unknown = UsageError(f"no language {name!r} is known: use a code (en, fr, zh) or a name")
    if langcodes.tag_is_valid(name) and name.lower() not in ("root", "und"):
        return langcodes.Language.get(name).to_tag()
    if name.isascii() and len(name) < MIN_NAME_LENGTH:
        raise unknown
    try:
        language = langcodes.find(name)
    except LookupError:
        raise unknown from None
    if language.language == "und":
        raise unknown
    return "zh" if language.language == "cmn" else language.to_tag()


def base(tag: str) -> str:
    """The language of a tag without script and region, as a two-letter code if it has one.

    >>> base("zh-Hant-TW"), base("eng"), base("cmn")
    ('zh', 'en', 'zh')
    """
    return langcodes.Language.get(tag).prefer_macrolanguage().language or tag


def closest(tag: str, codes: Iterable[str]) -> str | None:
    """The code among a model's codes that matches a language tag best; None if none matches.

    >>> closest("zh", ["eng_Latn", "zho_Hans", "zho_Hant"])
    'zho_Hans'
    >>> closest("de", ["en_XX", "fr_XX"]) is None
    True
    """
    same_language = [code for code in codes if base(code) == base(tag)]
    if same_language:
        return min(same_language, key=lambda code: langcodes.tag_distance(tag, code))
    match, distance = langcodes.closest_match(tag, list(codes), max_distance=MAX_DISTANCE)
    return None if match == "und" or distance > MAX_DISTANCE else match


def english_name(tag: str) -> str:
    """The English name of a language.

    >>> english_name("fr")
    'French'
    """
    return langcodes.Language.get(tag).language_name("en")


def is_unspaced(tag: str | None) -> bool:
    """True if the language is written without spaces between sentences; False for None."""
    return tag is not None and base(tag) in UNSPACED
