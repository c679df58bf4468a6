"""The language in which an explanation is written: English or Chinese."""

import os

from llmcli.models.starters import Note, ignore
from llmcli.spec.explain import Language

VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")


def choose_language(asked: Language | None, text: str = "", note: Note = ignore) -> Language:
    """The language that was asked for, else that of the text if it is Chinese, else the locale's.

    text: what the user gave; note: is told in one line where the text decides.
    """
    if asked is not None:
        return asked
    by_locale = locale_language()
    if by_locale != "zh" and is_mainly_chinese(text):
        note("in Chinese, as the text is; `lang` en is in English")
        return "zh"
    return by_locale


def locale_language() -> Language:
    """The language of the environment's locale, the first of LC_ALL, LC_MESSAGES and LANG."""
    value = next((os.environ[name] for name in VARIABLES if os.environ.get(name)), "")
    return "zh" if value.lower().startswith("zh") else "en"


def is_mainly_chinese(text: str) -> bool:
    """True if most letters of a text are Han characters, and none is kana.

    >>> is_mainly_chinese("我明天要去看电影。"), is_mainly_chinese("Hello 世界")
    (True, False)
    """
    letters = [character for character in text if character.isalpha()]
    kana = any("\u3040" <= character <= "\u30ff" for character in letters)
    han = sum("\u4e00" <= character <= "\u9fff" for character in letters)
    return not kana and han > len(letters) / 2
