"""The language of a text: by its script, and in Latin script by its words, where that is sure."""

import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Any

import langcodes

from llmcli.errors import InputError
from llmcli.inference.translation.languages import base, english_name
from llmcli.inference.translation.pairs import Route

SURE = 0.9
"""Probability of a language from which it counts. In 82,000 short sentences of Tatoeba in English
and French and 20,000 remarks about products in English there is then no false alarm."""

SCRIPTS = {
    **{"LATIN": "Latn", "FULLWIDTH": "Latn", "CYRILLIC": "Cyrl", "GREEK": "Grek", "ARABIC": "Arab"},
    **{"HEBREW": "Hebr", "CJK": "Hani", "HIRAGANA": "Hira", "KATAKANA": "Kana", "HANGUL": "Hang"},
    **{"HALFWIDTH": "Kana", "THAI": "Thai", "DEVANAGARI": "Deva", "BENGALI": "Beng"},
    **{"GURMUKHI": "Guru", "GUJARATI": "Gujr", "ORIYA": "Orya", "TAMIL": "Taml", "TELUGU": "Telu"},
    **{"KANNADA": "Knda", "MALAYALAM": "Mlym", "SINHALA": "Sinh", "LAO": "Laoo", "TIBETAN": "Tibt"},
    **{"MYANMAR": "Mymr", "GEORGIAN": "Geor", "ETHIOPIC": "Ethi", "KHMER": "Khmr"},
    **{"MONGOLIAN": "Mong", "ARMENIAN": "Armn"},
}
"""ISO 15924 codes by the first word of a letter's name in Unicode."""

NAMES = {"Hani": "Chinese characters", "Hira": "Japanese kana", "Kana": "Japanese kana"}
JOINT = {"Hans": "Hani", "Hant": "Hani", "Jpan": "Hani Hira Kana", "Kore": "Hang Hani"}
"""Codes that stand for several scripts, or for one with its variant."""

TWO_SCRIPTS = {
    **{
        language: "Cyrl Latn"
        for language in ("sr", "bs", "uz", "kk", "ky", "tg", "tk", "tt", "cnr")
    },
    **{"az": "Latn Cyrl Arab", "ku": "Latn Arab", "mn": "Cyrl Mong", "pa": "Guru Arab"},
    **{
        "ms": "Latn Arab",
        "ha": "Latn Arab",
        "ro": "Latn Cyrl",
        "sd": "Arab Deva",
        "ks": "Arab Deva",
    },
}
"""Languages that are written in more scripts than langcodes' likeliest."""

EAST_ASIAN = ("Hani", "Kana", "Hang")
LETTERS = 3
"""As many letters of an alphabet count as one East Asian character."""
FEW = 4
"""Letters that make a text; fewer may be a symbol, such as α."""


def script_of(text: str) -> str | None:
    """The script of most letters of a text, as an ISO 15924 code; None if it has few letters.

    Han characters beside kana are Japanese: `Kana`.

    >>> script_of("Hello, Мир"), script_of("电影"), script_of("今日は"), script_of("α = 2")
    ('Latn', 'Hani', 'Kana', None)
    """
    counts = Counter(_script(character) for character in text if character.isalpha())
    counts["Kana"] += counts.pop("Hira", 0)
    if counts["Kana"] * 10 > counts["Hani"]:
        counts["Kana"] += counts.pop("Hani", 0)
    for script in EAST_ASIAN:
        counts[script] *= LETTERS
    script, count = counts.most_common(1)[0]
    return script if script and count >= FEW else None


def _script(letter: str) -> str:
    return SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], "")


def scripts(tag: str) -> set[str]:
    """The scripts in which a language is written.

    >>> scripts("en"), sorted(scripts("ja")), sorted(scripts("sr-Latn"))
    ({'Latn'}, ['Hani', 'Hira', 'Kana'], ['Cyrl', 'Latn'])
    """
    likely = langcodes.Language.get(tag).maximize().script or ""
    both = f"{JOINT.get(likely, likely)} {TWO_SCRIPTS.get(base(tag), '')}"
    return set(both.split())


@lru_cache
def _identifier() -> Any:
    """py3langid, with probabilities; it takes more than half a second to load."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def sure_language(text: str) -> str | None:
    """The language of a text in Latin script, as a two-letter code, if that is sure; else None.

    >>> sure_language("Ich habe keine Zeit."), sure_language("Good morning.")
    ('de', None)
    """
    language, probability = _identifier().classify(text)
    return base(language) if probability >= SURE else None


def source_language(name: str, way: Route, given: str | None, text: str) -> tuple[str | None, str]:
    """The language of a text, and a note about it, which may be empty.

    name: the model's. given: the user's `from_lang`; where it is None, the text decides among the
    languages that the model reads. Raises InputError for a text that is not in any of them.
    """
    script = script_of(text) if any(map(str.isalpha, text)) else None
    if given is not None:
        return given, _contradiction(script, given)
    if not way.through_english:
        return way.direction.source, ""
    reads = list(way.through_english)
    fitting = [tag for tag in reads if script is None or script in scripts(tag)]
    known = f"{name} translates from {', '.join(reads)} to {way.direction.target}"
    if not fitting:
        raise InputError(f"the text is in {_script_name(script)}; {known}: name another `model`")
    if script != "Latn":
        return fitting[0], ""
    language = sure_language(text)
    if language is None:
        direct = [tag for tag in fitting if not way.through_english[tag]]
        return (direct or fitting)[0], ""
    if language in fitting:
        return language, ""
    raise InputError(
        f"the text seems to be in {english_name(language)}; {known}: name another `model`, or the "
        "language with `from_lang`"
    )


def _contradiction(script: str | None, given: str) -> str:
    """What to say of a text in Latin script, which may be names, in another language.

    Raises InputError for a text in another script that the language is not written in.
    """
    if script is None or script in scripts(given) or not scripts(given):
        return ""
    said = f"the text is in {_script_name(script)}, but `from_lang` is {given}"
    if script == "Latn":
        return said
    raise InputError(f"{said}: name its language, or leave that out")


def _script_name(script: str | None) -> str:
    if script in NAMES:
        return NAMES[script]
    return f"{langcodes.Language.make(script=script).script_name()} script"
